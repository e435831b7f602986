//! What people and programs do beside the board: role prompts, who may log in, what people are told, triage.

use std::sync::Arc;

use clutch_domain::{
    access::{Account, BrowserSession, Digest, UserName, UserRole},
    actor::{Actor, OWNER},
    command::{
        ChangeUser, Command, NewBrowserSession, NewNotification, NewPassword, NewPrompt, Subtask, Triage, TriageStep,
        UserStep,
    },
    doc::{Unique, prompt_in_force},
    notification::{Notification, NotificationSeverity, NotificationType},
    prompt::{Line, Version},
    task::{Role, Status, Task},
    text::{Body, Excerpt, Handle, PromptText, Title},
};

use super::{Person, script, some};

/// One day in so many has them: all others stay as they are without.
pub const EVERY: u64 = 7;
/// Which of those.
pub const NTH: u64 = 3;

/// Prompts that cannot be used: only a caller who wants them unlooked at can write such.
const BROKEN: [&str; 2] = ["{{#if ticket}}It never ends. {{ticket}}", "{{nobodyKnowsThis}} {{ticket}}"];
/// People who may come and go.
const NAMES: [&str; 3] = ["eve", "mia", "vic"];

/// Whether nothing can be told by this version.
#[must_use]
pub fn is_broken(version: &Version) -> bool {
    BROKEN.contains(&version.content.as_str())
}

impl Person {
    /// Beside the board, until `until` of steady time.
    pub async fn beside(self: Arc<Self>, until: i64) {
        self.insist_as(&Actor::doorkeeper(), 0, Command::SetPassword("$".to_owned().into())).await;
        loop {
            let (pause, luck) = self.exec.rng(|r| (r.between(2_000, 30_000), r.between(0, 99)));
            self.exec.sleep(pause).await;
            if self.exec.now() >= until {
                return;
            }
            match luck {
                0..=14 => self.write_prompt().await,
                15..=24 => self.choose_prompt().await,
                25..=44 => self.admit().await,
                45..=54 => self.come_in().await,
                55..=59 => self.own_password().await,
                60..=79 => self.tell().await,
                _ => self.triage().await,
            }
        }
    }

    fn program() -> Actor {
        Actor::program(Some("coordinator"))
    }

    async fn write_prompt(&self) {
        let (role, broken, number) = self.exec.rng(|r| (some(r, Role::ALL), r.chance(30), r.bits() >> 40));
        let broken = broken.then(|| self.exec.rng(|r| some(r, &BROKEN))).flatten();
        self.exec.count(if broken.is_some() { "a broken prompt was written" } else { "a prompt was written" });
        let content = broken.map_or_else(|| sound(number), str::to_owned);
        self.put_prompt(role.unwrap_or(Role::Dev), &content).await;
    }

    async fn put_prompt(&self, role: Role, content: &str) {
        let Ok(Some(content)) = PromptText::parse(content) else { return };
        let (line, created_by) = (Line::any(role), Handle::owner());
        let new = NewPrompt { line, content, variables: Vec::new(), change_summary: None, parent: None, created_by };
        self.insist_as(&Self::program(), 0, Command::CreatePrompt(new)).await;
    }

    /// An older version counts again, or one that nobody chose.
    async fn choose_prompt(&self) {
        let all = self.store.all::<Version>();
        if let Some(version) = self.pick(&all) {
            self.exec.count("a version of a prompt was chosen");
            self.insist_at(1, Command::ActivatePrompt(version.id)).await;
        }
    }

    /// Where what counts cannot be used, somebody writes what can.
    pub(super) async fn mend_prompts(&self) {
        for role in Role::ALL {
            let name = prompt_in_force(&Line::any(*role));
            let counts = self.store.get::<Unique>(name).and_then(|counts| self.store.get::<Version>(counts.target.id));
            if counts.is_some_and(|version| is_broken(&version)) {
                let number = self.exec.rng(|r| r.bits() >> 40);
                self.put_prompt(*role, &sound(number)).await;
            }
        }
    }

    /// Somebody is let in, made more or less, given another password, or sent away; the last owner, too, as far as
    /// anybody can.
    async fn admit(&self) {
        let all: Vec<String> = self.store.all::<Account>().into_iter().map(|account| account.name).collect();
        let (new, luck) = self.exec.rng(|r| (some(r, &NAMES), r.between(0, 99)));
        let role = self.exec.rng(|r| some(r, UserRole::ALL)).unwrap_or(UserRole::Member);
        let known = self.pick(&all).cloned().unwrap_or_else(|| OWNER.to_owned());
        let (name, step) = match luck {
            0..=39 => (new.unwrap_or("eve").to_owned(), UserStep::Add(role, "$".to_owned().into())),
            40..=79 => (known, UserStep::Become(role)),
            80..=89 => (known, UserStep::Password("$$".to_owned().into())),
            _ => (known, UserStep::Remove),
        };
        let Ok(name) = UserName::parse(&name) else { return };
        if self.insist(Command::ChangeUser(ChangeUser { name, step })).await.is_some() {
            self.exec.count("who may come in was changed");
        } else {
            self.exec.count("who may come in was not changed");
        }
    }

    /// A browser comes in, or goes.
    async fn come_in(&self) {
        let sessions = self.store.all::<BrowserSession>();
        if self.exec.rng(|r| r.chance(30))
            && let Some(session) = self.pick(&sessions)
        {
            self.insist_at(1, Command::EndSession(session.digest.clone())).await;
            return;
        }
        let accounts = self.store.all::<Account>();
        let Some(account) = self.pick(&accounts) else { return };
        let bits = self.exec.rng(|r| r.bits().to_be_bytes());
        let mut hash = [0; 32];
        hash.iter_mut().zip(bits.iter().cycle()).for_each(|(to, from)| *to = *from);
        let Ok(name) = UserName::parse(&account.name) else { return };
        let (browser, from) = (Excerpt::from("Firefox"), Excerpt::from("192.0.2.7"));
        let new = NewBrowserSession {
            digest: Digest::new(hash),
            account: name,
            password_of: account.password_set_at,
            browser,
            from,
        };
        self.exec.count("a browser came in");
        self.insist_as(&Actor::doorkeeper(), 1, Command::OpenSession(new)).await;
    }

    async fn own_password(&self) {
        let sessions = self.store.all::<BrowserSession>();
        let Some(session) = self.pick(&sessions) else { return };
        let Some(account) = self.store.get::<Account>(&session.account) else { return };
        let new = NewPassword {
            hash: "$$$".to_owned().into(),
            password_of: account.password_set_at,
            session: session.digest.clone(),
        };
        let me = Actor::user(&account.name, account.role);
        if self.insist_as(&me, 0, Command::ChangePassword(new)).await.is_some() {
            self.exec.count("somebody changed their own password");
        }
    }

    /// A program tells people something; they read it, or take it away.
    async fn tell(&self) {
        let told = self.store.all::<Notification>();
        let luck = self.exec.rng(|r| r.between(0, 99));
        let command = match self.pick(&told) {
            Some(notice) if luck < 40 => Command::MarkNotification(notice.id, !notice.read),
            Some(notice) if luck < 50 => Command::DeleteNotification(notice.id),
            _ => {
                let Ok(Some(message)) = Body::parse("Look.") else { return };
                let tasks = self.store.all::<Task>();
                let task = self.pick(&tasks).filter(|_| luck < 80).map(|task| task.id);
                let (kind, severity) =
                    self.exec.rng(|r| (some(r, NotificationType::ALL), some(r, NotificationSeverity::ALL)));
                Command::Notify(NewNotification {
                    task,
                    project: None,
                    kind: kind.unwrap_or(NotificationType::System),
                    severity: severity.unwrap_or(NotificationSeverity::Info),
                    title: None,
                    message,
                    agent: None,
                })
            }
        };
        self.exec.count("people were told something");
        self.insist_as(&Self::program(), 1, command).await;
    }

    /// A coordinator decides about a task, mostly about one that does not go on.
    async fn triage(&self) {
        let tasks = self.store.all::<Task>();
        let stuck: Vec<Task> = tasks.iter().filter(|task| task.status == Status::Blocked).cloned().collect();
        let Some(task) = self.pick(&stuck).or_else(|| self.pick(&tasks)).map(|task| task.id) else { return };
        let (luck, role, number) = self.exec.rng(|r| (r.between(0, 99), some(r, Role::ALL), r.bits()));
        let step = match luck {
            0..=29 => TriageStep::Unblock,
            30..=49 => TriageStep::Reassign { role, model: None },
            50..=69 => TriageStep::Escalate(Some(Excerpt::from("It does not go on."))),
            70..=79 => TriageStep::Kill(None),
            80..=89 => TriageStep::Abort,
            _ => {
                let Ok(title) = Title::parse(&format!("Part ({number})")) else { return };
                TriageStep::Split(vec![Subtask { title, description: None, priority: None, role }])
            }
        };
        let Some(done) =
            self.insist_as(&Self::program(), 0, Command::Triage(Triage { task, author: Handle::owner(), step })).await
        else {
            return;
        };
        self.exec.count("a task was triaged");
        let parts = done.change.puts().filter_map(|body| match body {
            clutch_domain::doc::Body::Task(part) if part.id != task => Some(part.id),
            _ => None,
        });
        for part in parts.collect::<Vec<_>>() {
            let script = self.exec.rng(script);
            self.board.assign(part, script);
        }
    }
}

/// What prompts begin with that people wrote.
pub const WRITTEN: &str = "No. ";

/// What an agent reads first that is told this version.
#[must_use]
pub fn beginning(version: &Version) -> &str {
    version.content.split("{{").next().unwrap_or_default()
}

/// One that can be used; no other says the same.
fn sound(number: u64) -> String {
    format!("{WRITTEN}{number}. {{{{ticket}}}}{{{{description}}}}{{{{comments}}}}{{{{reporting}}}}")
}
