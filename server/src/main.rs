//! `clutch`: the server of OpenClutch. Its sub-commands are its roles.

mod assets;
mod bin;
mod bounds;
mod bridge;
mod caller;
mod compose;
mod connections;
mod context;
mod convex;
mod door;
mod ephemeral;
mod forms;
mod letter;
mod lines;
mod live;
mod logs;
mod mail;
mod missed;
mod pages;
mod private;
mod rest;
mod serve;
mod session;
mod settings;
mod settling;
mod short;
mod state;
mod streams;
mod supervise;
#[cfg(test)]
mod tests;
mod uploads;
mod webhooks;
mod words;
mod worker;

use std::{net::IpAddr, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

/// The board on which people and AI agents do the same work.
#[derive(Parser)]
#[command(name = "clutch", version)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Serve the board, its webhooks and the work loop
    #[command(after_long_help = settings::table())]
    Serve(ServeArgs),
    /// Work with the Convex deployment that CONVEX_URL names
    Convex {
        #[command(subcommand)]
        what: ConvexRole,
    },
}

#[derive(Subcommand)]
enum ConvexRole {
    /// Put OpenClutch's functions on the deployment, with Convex's own program (needs npm and Node.js)
    Deploy {
        /// Folder for data; the functions are laid out in a folder of it
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
}

/// Flags win over the environment, the environment over `.env.local`.
#[derive(clap::Args, Default)]
struct ServeArgs {
    /// Address to listen on (127.0.0.1)
    #[arg(long)]
    host: Option<IpAddr>,
    /// Port to listen on (3002); 0 takes a free one
    #[arg(long)]
    port: Option<u16>,
    /// Folder for data, logs and keys ($XDG_DATA_HOME/openclutch)
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// File to write the address into when the server answers
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

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
        Role::Convex { what: ConvexRole::Deploy { data_dir } } => convex::deploy(data_dir),
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
