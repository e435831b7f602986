//! `clutch`: the server of OpenClutch.

mod chat;
mod cli;
mod compose;
mod http;
mod logs;
mod owner;
mod pages;
mod private;
mod serve;
mod settings;
mod state;
mod supervise;
#[cfg(test)]
mod tests;
mod webhooks;
mod worker;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, ConvexRole, Role, ServeArgs};

fn main() -> ExitCode {
    private::guard();
    let role = match Cli::parse().role {
        Some(role) => role,
        // cargo-leptos starts the program without words.
        None if std::env::var_os("LEPTOS_SITE_ROOT").is_some() => Role::Serve(ServeArgs::default()),
        None => {
            // Help that cannot be printed helps nobody.
            let _ = Cli::command().print_help();
            return ExitCode::SUCCESS;
        }
    };
    let done = match role {
        Role::Serve(args) => {
            let flags = settings::Flags { host: args.host, port: args.port, data_dir: args.data_dir };
            serve::run(&flags, args.ready_file.as_deref())
        }
        Role::Token { data_dir, what } => cli::token::tokens(data_dir, what),
        Role::User { data_dir, what } => cli::user::users(data_dir, what),
        Role::Session { data_dir, what } => cli::token::sessions(data_dir, what),
        Role::Mcp { url } => cli::mcp::serve(url),
        Role::Why { task, json, url } => match cli::why::explain(url, &task, json) {
            Ok(()) => Ok(()),
            Err(why) => {
                complain(&why.sentence);
                return why.code;
            }
        },
        Role::Convex { what: ConvexRole::Deploy { data_dir } } => cli::convex::deploy(data_dir),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            complain(&sentence);
            ExitCode::FAILURE
        }
    }
}

/// The one place that writes to standard error: the log may not exist yet.
#[expect(clippy::print_stderr, reason = "what stops the program must be seen where it was started")]
fn complain(sentence: &str) {
    eprintln!("clutch: {sentence}");
}
