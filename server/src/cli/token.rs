//! `clutch token` and `clutch session`: what opens the house, made, listed and taken back by whoever has the data
//! folder.

use std::{path::PathBuf, sync::Arc};

use clap::{Subcommand, ValueEnum};
use clutch_domain::{
    access::{Standing, Token, TokenScope, called},
    time::Millis,
};

use crate::{
    compose,
    owner::{self, Ask, Told},
    settings::{Flags, Settings, Source},
};

/// What is asked.
#[derive(Subcommand)]
pub enum TokenRole {
    /// Make a token; its secret is printed once, alone, on standard output
    Create {
        /// What you call it, for example the program that gets it
        name: String,
        /// How much it opens; each includes those before it
        #[arg(long, value_enum, default_value_t = Scope::Write)]
        scope: Scope,
        /// Days until it expires; without it never
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
    },
    /// List all tokens, with their last use
    List,
    /// Take a token back, by its id or its name
    Revoke {
        /// Id, or the first eight characters of it, or name
        which: String,
    },
}

/// What is asked of sessions.
#[derive(Subcommand)]
pub enum SessionRole {
    /// List the browsers that are logged in
    List,
    /// Log a browser out
    End {
        /// Id, or the first eight characters of it
        which: String,
    },
}

/// The scopes, as they are typed.
#[derive(Clone, Copy, ValueEnum)]
pub enum Scope {
    /// To look
    Read,
    /// What agents do: they take tasks, report, signal, answer in chats
    Agent,
    /// Everything that programs may do
    Write,
    /// Also what is kept for people, and tokens themselves
    Admin,
}

impl From<Scope> for TokenScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Agent => Self::Agent,
            Scope::Write => Self::Write,
            Scope::Admin => Self::Admin,
        }
    }
}

/// Does what is asked of tokens. The error is a sentence.
pub fn tokens(data_dir: Option<PathBuf>, what: TokenRole) -> Result<(), String> {
    run(
        data_dir,
        match what {
            TokenRole::Create { name, scope, days } => Ask::Create { name, scope: scope.into(), days },
            TokenRole::List => Ask::List,
            TokenRole::Revoke { which } => Ask::Revoke { which },
        },
    )
}

/// Does what is asked of sessions. The error is a sentence.
pub fn sessions(data_dir: Option<PathBuf>, what: SessionRole) -> Result<(), String> {
    run(
        data_dir,
        match what {
            SessionRole::List => Ask::Sessions,
            SessionRole::End { which } => Ask::End { which },
        },
    )
}

pub(super) fn run(data_dir: Option<PathBuf>, ask: Ask) -> Result<(), String> {
    let flags = Flags { data_dir, ..Flags::default() };
    let settings =
        Settings::resolve(&flags, &Source::from_process().map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| format!("The program's threads could not be started: {e}."))?;
    let told = runtime.block_on(async {
        match owner::ask(&settings.data_dir, &ask).await {
            Some(told) => told,
            None => Ok(owner::answer(&Arc::new(compose::office(&settings).await?), ask).await),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    say(told?)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command answers where it was asked")]
fn say(told: Told) -> Result<(), String> {
    match told {
        Told::No { sentence } => return Err(sentence),
        Told::Made { secret, token } => {
            let end =
                token.expires_at.map_or_else(|| "never expires".to_owned(), |at| format!("expires {}", moment(at)));
            eprintln!("Token {:?} ({}), scope {}, {end}.", token.name, token.digest.id8(), token.scope.word());
            eprintln!("This is the only time that it is shown. Programs send it as `Authorization: Bearer <token>`:");
            println!("{secret}");
        }
        Told::Revoked { token } => {
            println!("Token {:?} ({}) opens nothing any more.", token.name, token.digest.id8());
        }
        Told::Done { sentence } => println!("{sentence}"),
        Told::Users { users } if users.is_empty() => {
            println!("There is nobody yet: CLUTCH_PASSWORD makes the first owner.")
        }
        Told::Users { users } => {
            println!("{:6}  {:16}  {:16}  NAME", "ROLE", "SINCE", "PASSWORD OF");
            for user in users {
                let (since, password) = (moment(user.created_at), moment(user.password_set_at));
                println!("{:6}  {since:16}  {password:16}  {}", user.role.word(), called(&user.name));
            }
        }
        Told::Ended { session } => println!("{} ({}) is logged out.", session.browser, session.digest.id8()),
        Told::Sessions { sessions } if sessions.is_empty() => println!("Nobody is logged in."),
        Told::Sessions { sessions } => {
            println!("{:8}  {:16}  {:16}  {:24}  BROWSER", "ID", "SINCE", "LAST SEEN", "FROM");
            for session in sessions {
                let (since, seen) = (moment(session.created_at), moment(session.seen_at));
                println!("{:8}  {since:16}  {seen:16}  {:24}  {}", session.digest.id8(), session.from, session.browser);
            }
        }
        Told::Tokens { tokens } if tokens.is_empty() => println!("There are no tokens."),
        Told::Tokens { tokens } => {
            println!("{:8}  {:6}  {:8}  {:16}  {:16}  NAME", "ID", "SCOPE", "STANDING", "MADE", "LAST USED");
            for token in tokens {
                println!("{}", row(&token, now()));
            }
        }
    }
    Ok(())
}

fn row(token: &Token, now: Millis) -> String {
    let standing = match token.standing(now) {
        Standing::InForce => "in force",
        Standing::Expired => "expired",
        Standing::Revoked => "revoked",
    };
    let used = token.used_at.map_or_else(|| "never".to_owned(), moment);
    format!(
        "{:8}  {:6}  {standing:8}  {:16}  {used:16}  {}",
        token.digest.id8(),
        token.scope.word(),
        moment(token.created_at),
        token.name
    )
}

fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// To the minute, in UTC.
fn moment(at: Millis) -> String {
    let utc = at.utc();
    format!("{:04}-{:02}-{:02} {:02}:{:02}", utc.year, utc.month, utc.day, utc.hour, utc.minute)
}
