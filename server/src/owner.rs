//! What whoever has the data folder in their hands may ask of the installation: its tokens, and who is logged in.
//!
//! While a server runs, the store is its alone; so `clutch token` asks it through a socket in the data folder. Only the
//! owner of the folder can reach that, and the server looks who it is once more. No key is needed, and none lies about.
//! Where no server runs, the program opens the store itself.

use std::{
    io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clutch_domain::{
    access::{Account, BrowserSession, Standing, Token, TokenScope, UserName, UserRole},
    actor::Actor,
    command::{ChangeUser, Command, NewToken, UserStep},
    rule::{access::tokens, login::sessions, user::users},
    text::Label,
    time::{DAY_MS, Millis},
};
use clutch_orchestrator::office::Office;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use crate::http::{bearer::Secret, login};

/// The socket in the data folder.
pub const SOCKET: &str = "owner.sock";
/// Longest question and answer, in bytes.
const LINE_MAX: u64 = 1024 * 1024;
/// How long a question may take, with its answer.
const TURN_MAX: Duration = Duration::from_secs(30);

/// A question of the owner's, one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Ask {
    /// A new token.
    Create {
        /// Its name.
        name: String,
        /// Its scope.
        scope: TokenScope,
        /// Days until it expires; never, where none are said.
        days: Option<u32>,
    },
    /// All tokens.
    List,
    /// All browsers that are logged in.
    Sessions,
    /// The session with this id, or with the beginning of it, is logged out.
    End {
        /// Which.
        which: String,
    },
    /// Everybody who may log in.
    Users,
    /// Somebody may log in from now on.
    AddUser {
        /// Who.
        name: String,
        /// What they may do.
        role: UserRole,
        /// What they say at the door.
        password: Password,
    },
    /// Somebody may do this from now on.
    Role {
        /// Who.
        name: String,
        /// What.
        role: UserRole,
    },
    /// Somebody's password is another one.
    Password {
        /// Whose.
        name: String,
        /// The new one.
        password: Password,
    },
    /// Somebody may not log in any more.
    RemoveUser {
        /// Who.
        name: String,
    },
    /// The token with this id, or with the beginning of it, or with this name opens nothing any more.
    Revoke {
        /// Which.
        which: String,
    },
}

/// A password on its way; never shown.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Somebody who may log in, without what is stored of the password.
#[derive(Debug, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
    /// Since when.
    pub created_at: Millis,
    /// When the password was set.
    pub password_set_at: Millis,
}

impl From<Account> for User {
    fn from(account: Account) -> Self {
        let Account { name, role, created_at, password_set_at, .. } = account;
        Self { name, role, created_at, password_set_at }
    }
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
pub enum Told {
    /// It was made; its secret is told here and nowhere else.
    Made {
        /// The secret.
        secret: String,
        /// What is kept of it.
        token: Token,
    },
    /// These there are.
    Tokens {
        /// The tokens, the oldest first.
        tokens: Vec<Token>,
    },
    /// These are logged in.
    Sessions {
        /// The sessions, the oldest first.
        sessions: Vec<BrowserSession>,
    },
    /// These may log in.
    Users {
        /// The people, the oldest first.
        users: Vec<User>,
    },
    /// It was done; a sentence.
    Done {
        /// What.
        sentence: String,
    },
    /// It is logged out.
    Ended {
        /// Which.
        session: BrowserSession,
    },
    /// It opens nothing any more.
    Revoked {
        /// Which.
        token: Token,
    },
    /// No; a sentence.
    No {
        /// Why.
        sentence: String,
    },
}

/// Answers a question.
pub async fn answer(office: &Office, ask: Ask) -> Told {
    let told = match ask {
        Ask::Create { name, scope, days } => create(office, &name, scope, days).await,
        Ask::List => office.all(tokens()).await.map(|tokens| Told::Tokens { tokens }).map_err(|e| e.to_string()),
        Ask::Sessions => {
            office.all(sessions()).await.map(|sessions| Told::Sessions { sessions }).map_err(|e| e.to_string())
        }
        Ask::End { which } => end(office, which.trim()).await,
        Ask::Users => office
            .all::<Account>(users())
            .await
            .map(|all| Told::Users { users: all.into_iter().map(User::from).collect() })
            .map_err(|e| e.to_string()),
        Ask::AddUser { name, role, password } => match login::hash(password.0).await {
            Ok(hash) => user(office, &name, UserStep::Add(role, hash), now(role)).await,
            Err(error) => Err(error.to_string()),
        },
        Ask::Role { name, role } => user(office, &name, UserStep::Become(role), now(role)).await,
        Ask::Password { name, password } => match login::hash(password.0).await {
            Ok(hash) => user(office, &name, UserStep::Password(hash), "has another password now").await,
            Err(error) => Err(error.to_string()),
        },
        Ask::RemoveUser { name } => user(office, &name, UserStep::Remove, "may not log in any more").await,
        Ask::Revoke { which } => revoke(office, which.trim()).await,
    };
    told.unwrap_or_else(|sentence| Told::No { sentence })
}

async fn create(office: &Office, name: &str, scope: TokenScope, days: Option<u32>) -> Result<Told, String> {
    let name = Label::parse(name).map_err(|refusal| refusal.to_string())?;
    let secret = Secret::fresh().ok_or("The system gives no random numbers.")?;
    let expires_at = days.map(|days| office.now().plus(i64::from(days) * DAY_MS));
    let new = NewToken { digest: secret.digest(), name, scope, expires_at };
    let done = office.run(&Actor::operator("token"), &Command::CreateToken(new)).await.map_err(|e| e.to_string())?;
    let token = done.made::<Token>().cloned().ok_or("The token was not kept.")?;
    Ok(Told::Made { secret: secret.reveal(), token })
}

const fn now(role: UserRole) -> &'static str {
    match role {
        UserRole::Viewer => "is a viewer now",
        UserRole::Member => "is a member now",
        UserRole::Owner => "is an owner now",
    }
}

async fn user(office: &Office, name: &str, step: UserStep, now: &str) -> Result<Told, String> {
    let who = UserName::parse(name).map_err(|refusal| refusal.to_string())?;
    let sentence = format!("{} {now}.", clutch_domain::access::called(who.as_str()));
    let command = Command::ChangeUser(ChangeUser { name: who, step });
    office.run(&Actor::operator("user"), &command).await.map_err(|e| e.to_string())?;
    Ok(Told::Done { sentence })
}

async fn revoke(office: &Office, which: &str) -> Result<Told, String> {
    let all: Vec<Token> = office.all(tokens()).await.map_err(|e| e.to_string())?;
    let named: Vec<&Token> =
        all.iter().filter(|t| t.name == which && t.standing(office.now()) == Standing::InForce).collect();
    let begun: Vec<&Token> = all.iter().filter(|t| which.len() >= 8 && t.digest.as_str().starts_with(which)).collect();
    let token = match (begun.as_slice(), named.as_slice()) {
        ([one], _) | ([], [one]) => *one,
        ([], []) => return Err(format!("There is no token {which:?}; `clutch token list` names them.")),
        _ => return Err(format!("More than one token is {which:?}; name it by its id (`clutch token list`).")),
    };
    office
        .run(&Actor::operator("token"), &Command::RevokeToken(token.digest.clone()))
        .await
        .map_err(|e| e.to_string())?;
    Ok(Told::Revoked { token: token.clone() })
}

async fn end(office: &Office, which: &str) -> Result<Told, String> {
    let all: Vec<BrowserSession> = office.all(sessions()).await.map_err(|e| e.to_string())?;
    let mut found = all.into_iter().filter(|s| which.len() >= 8 && s.digest.as_str().starts_with(which));
    let (Some(session), None) = (found.next(), found.next()) else {
        return Err(format!("There is no session {which:?}; `clutch session list` names them."));
    };
    let command = Command::EndSession(session.digest.clone());
    office.run(&Actor::operator("session"), &command).await.map_err(|e| e.to_string())?;
    Ok(Told::Ended { session })
}

/// Listens in the data folder, for ever.
pub async fn listen(data_dir: PathBuf, office: Arc<Office>) {
    let socket = match Socket::bind(&data_dir.join(SOCKET)) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "`clutch token` cannot ask this server: its socket could not be made in the data folder");
            return std::future::pending().await;
        }
    };
    loop {
        match socket.listener.accept().await {
            // One after another: it is one person.
            Ok((stream, _)) => match timeout(TURN_MAX, turn(stream, &office)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "the owner's question broke off"),
                Err(_) => tracing::debug!("the owner's question took too long"),
            },
            Err(error) => {
                tracing::warn!(%error, "the owner's socket takes nobody");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn turn(stream: UnixStream, office: &Office) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != rustix::process::geteuid().as_raw() && peer != 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LINE_MAX)).read_line(&mut line).await?;
    let told = match serde_json::from_str(&line) {
        Ok(ask) => answer(office, ask).await,
        Err(_) => Told::No { sentence: "The server that runs is of another version. Use its own `clutch`.".into() },
    };
    write.write_all(&serde_json::to_vec(&told)?).await?;
    write.write_all(b"\n").await?;
    write.shutdown().await
}

/// Asks the server that runs over this data folder; `None` where none does.
///
/// # Errors
/// A sentence: it does not answer.
pub async fn ask(data_dir: &Path, ask: &Ask) -> Option<Result<Told, String>> {
    let stream = UnixStream::connect(data_dir.join(SOCKET)).await.ok()?;
    let answer = timeout(TURN_MAX, async {
        let (read, mut write) = stream.into_split();
        write.write_all(&serde_json::to_vec(ask)?).await?;
        write.write_all(b"\n").await?;
        let mut line = String::new();
        BufReader::new(read.take(LINE_MAX)).read_line(&mut line).await?;
        Ok::<Told, io::Error>(serde_json::from_str(&line)?)
    });
    Some(match answer.await {
        Ok(Ok(told)) => Ok(told),
        Ok(Err(error)) => Err(format!("The server that runs did not answer: {error}.")),
        Err(_) => Err("The server that runs did not answer in time.".into()),
    })
}

/// The listening socket; its file goes with it.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// What a server left that was killed is taken away: the data folder is ours.
    fn bind(path: &Path) -> io::Result<Self> {
        if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It may have been taken away already.
        let _ = std::fs::remove_file(&self.path);
    }
}
