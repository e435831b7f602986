//! What is said to the program when it is started: its sub-commands are its roles.

mod board;
pub mod convex;
pub mod mcp;
pub mod token;
pub mod user;
pub mod why;

use std::{net::IpAddr, path::PathBuf};

use clap::{Parser, Subcommand};

use crate::settings;

/// The board on which people and AI agents do the same work.
#[derive(Parser)]
#[command(name = "clutch", version)]
pub struct Cli {
    #[command(subcommand)]
    pub role: Option<Role>,
}

#[derive(Subcommand)]
pub enum Role {
    /// Serve the board, its webhooks and the work loop
    #[command(after_long_help = settings::table())]
    Serve(ServeArgs),
    /// Make, list and revoke tokens for programs; works while the server runs and while it does not
    Token {
        /// Folder for data ($XDG_DATA_HOME/openclutch)
        #[arg(long, global = true)]
        data_dir: Option<PathBuf>,
        #[command(subcommand)]
        what: token::TokenRole,
    },
    /// List the browsers that are logged in, and log one out
    Session {
        /// Folder for data ($XDG_DATA_HOME/openclutch)
        #[arg(long, global = true)]
        data_dir: Option<PathBuf>,
        #[command(subcommand)]
        what: token::SessionRole,
    },
    /// Let people log in, change what they may do, and send them away
    User {
        /// Folder for data ($XDG_DATA_HOME/openclutch)
        #[arg(long, global = true)]
        data_dir: Option<PathBuf>,
        #[command(subcommand)]
        what: user::UserCommand,
    },
    /// Speak the Model Context Protocol on standard input and output, for agents that take tasks
    #[command(
        after_help = "With log-in the token of the agent stands in CLUTCH_TOKEN (`clutch token create NAME --scope agent`)."
    )]
    Mcp {
        /// Where the server is (CLUTCH_URL, else http://127.0.0.1:3002)
        #[arg(long)]
        url: Option<String>,
    },
    /// Say why a ticket is where it is, and what would bring it on
    #[command(after_help = why::HELP)]
    Why {
        /// T-12, 12, the id, or the first eight digits of that
        task: String,
        /// Print the answer of the API as it is
        #[arg(long)]
        json: bool,
        /// Where the server is (CLUTCH_URL, else http://127.0.0.1:3002)
        #[arg(long)]
        url: Option<String>,
    },
    /// Work with the Convex deployment that CONVEX_URL names
    Convex {
        #[command(subcommand)]
        what: ConvexRole,
    },
}

#[derive(Subcommand)]
pub enum ConvexRole {
    /// Put OpenClutch's functions on the deployment, with Convex's own program (needs npm and Node.js)
    Deploy {
        /// Folder for data; the functions are laid out in a folder of it
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
}

/// Flags win over the environment, the environment over `.env.local`.
#[derive(clap::Args, Default)]
pub struct ServeArgs {
    /// Address to listen on (127.0.0.1)
    #[arg(long)]
    pub host: Option<IpAddr>,
    /// Port to listen on (3002); 0 takes a free one
    #[arg(long)]
    pub port: Option<u16>,
    /// Folder for data, logs and keys ($XDG_DATA_HOME/openclutch)
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// File to write the address into when the server answers
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
}
