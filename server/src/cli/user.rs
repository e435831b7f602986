//! `clutch user`: who may log in, let in, changed and sent away by whoever has the data folder. Passwords are read from
//! the terminal, or from a pipe: what stands in an argument can be read by every user of the machine.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
};

use clap::{Subcommand, ValueEnum};
use clutch_domain::access::UserRole;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::token;
use crate::owner::{Ask, Password};

/// What is asked of people.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Let somebody log in; asks for their password, or reads it from standard input
    Add {
        /// Name: small letters, digits, dots, hyphens, underscores
        name: String,
        /// What they may do; each includes those before it
        #[arg(long, value_enum, default_value_t = Named::Member)]
        role: Named,
    },
    /// List everybody who may log in
    List,
    /// Take somebody's log-in away; their sessions end
    Remove {
        /// Name
        name: String,
    },
    /// Let somebody do more, or less
    Role {
        /// Name
        name: String,
        /// What they may do from now on
        #[arg(value_enum)]
        role: Named,
    },
    /// Give somebody another password; their sessions end
    Password {
        /// Name
        name: String,
    },
}

/// The roles, as they are typed.
#[derive(Clone, Copy, ValueEnum)]
pub enum Named {
    /// To look
    Viewer,
    /// All work on the board
    Member,
    /// Also tokens, people, and what the work loop may spend
    Owner,
}

impl From<Named> for UserRole {
    fn from(role: Named) -> Self {
        match role {
            Named::Viewer => Self::Viewer,
            Named::Member => Self::Member,
            Named::Owner => Self::Owner,
        }
    }
}

/// Does what is asked of people. The error is a sentence.
pub fn users(data_dir: Option<PathBuf>, what: UserCommand) -> Result<(), String> {
    let ask = match what {
        UserCommand::Add { name, role } => Ask::AddUser { name, role: role.into(), password: password()? },
        UserCommand::List => Ask::Users,
        UserCommand::Remove { name } => Ask::RemoveUser { name },
        UserCommand::Role { name, role } => Ask::Role { name, role: role.into() },
        UserCommand::Password { name } => Ask::Password { name, password: password()? },
    };
    token::run(data_dir, ask)
}

/// A password: typed twice without being shown, or one line of a pipe.
fn password() -> Result<Password, String> {
    let failed = |error: io::Error| format!("The password could not be read: {error}.");
    if !io::stdin().is_terminal() {
        return line().map(Password).map_err(failed);
    }
    let (one, again) = (hidden("Password: ").map_err(failed)?, hidden("The same again: ").map_err(failed)?);
    if one == again { Ok(Password(one)) } else { Err("These were two different passwords. Nothing was done.".into()) }
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks at the terminal, which shows again what is typed whatever comes of it.
fn hidden(prompt: &str) -> io::Result<String> {
    let mut err = io::stderr();
    err.write_all(prompt.as_bytes())?;
    err.flush()?;
    let before = tcgetattr(io::stdin())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
    let typed = line();
    tcsetattr(io::stdin(), OptionalActions::Flush, &before)?;
    err.write_all(b"\n")?;
    typed
}
