//! What must always be true. The [laws](law::Law) of documents are checked here, over all of them at once: rules
//! keep them between any two changes, the simulator and the property tests look. The others are looked after by
//! the simulator, which sees what happens outside the store too.

pub mod law;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

pub use law::{Breach, Law};

use crate::{
    access::{Account, BrowserSession, UserRole},
    chat::{Chat, Message},
    doc::{
        Body, Dependency, DocKey, Unique, action_name, edge_name, id8_name, message_run_name, number_name,
        prompt_in_force, prompt_number, session_name, slug_name, task_chat_name,
    },
    id::{ChatId, ProjectId, RunId, SignalId, TaskId, WebhookId},
    notification::Notification,
    project::{Counts, Project},
    prompt::Version,
    run::{LoopState, Run, RunState},
    talk::{Comment, Signal},
    task::{Role, Status, Task},
    webhook::{Delivery, Webhook, delivery_id},
};

/// Documents by kind, ready to be looked at.
#[derive(Debug, Default)]
pub struct Everything<'a> {
    projects: BTreeMap<ProjectId, &'a Project>,
    counts: Vec<&'a Counts>,
    tasks: BTreeMap<TaskId, &'a Task>,
    edges: Vec<&'a Dependency>,
    runs: BTreeMap<RunId, &'a Run>,
    signals: BTreeMap<SignalId, &'a Signal>,
    names: BTreeMap<&'a str, &'a Unique>,
    comments: Vec<&'a Comment>,
    chats: BTreeMap<ChatId, &'a Chat>,
    messages: Vec<&'a Message>,
    loops: Vec<&'a LoopState>,
    prompts: BTreeMap<String, &'a Version>,
    accounts: BTreeMap<&'a str, &'a Account>,
    sessions: Vec<&'a BrowserSession>,
    notices: Vec<&'a Notification>,
    webhooks: BTreeMap<WebhookId, &'a Webhook>,
    deliveries: Vec<&'a Delivery>,
    bodies: Vec<&'a Body>,
}

impl<'a> Everything<'a> {
    /// Sorts documents by kind.
    pub fn of(bodies: impl IntoIterator<Item = &'a Body>) -> Self {
        let mut all = Self::default();
        for body in bodies {
            all.bodies.push(body);
            match body {
                Body::Project(p) => drop(all.projects.insert(p.id, p)),
                Body::Counts(c) => all.counts.push(c),
                Body::Task(t) => drop(all.tasks.insert(t.id, t)),
                Body::Dependency(d) => all.edges.push(d),
                Body::Run(r) => drop(all.runs.insert(r.id, r)),
                Body::Signal(s) => drop(all.signals.insert(s.id, s)),
                Body::Unique(u) => drop(all.names.insert(&u.key, u)),
                Body::Comment(c) => all.comments.push(c),
                Body::Chat(c) => drop(all.chats.insert(c.id, c)),
                Body::Message(m) => all.messages.push(m),
                Body::LoopState(l) => all.loops.push(l),
                Body::PromptVersion(p) => drop(all.prompts.insert(p.id.to_string(), p)),
                Body::Account(a) => drop(all.accounts.insert(&a.name, a)),
                Body::BrowserSession(b) => all.sessions.push(b),
                Body::Notification(n) => all.notices.push(n),
                Body::Webhook(w) => drop(all.webhooks.insert(w.id, w)),
                Body::Delivery(d) => all.deliveries.push(d),
                _ => {}
            }
        }
        all
    }

    /// Everything that is wrong; empty when all is well.
    #[must_use]
    pub fn broken(&self) -> Vec<Breach> {
        let mut wrong = self.broken_but_names();
        self.check_names(&mut wrong);
        wrong
    }

    /// As [`broken`](Self::broken) without the look at unique names, which costs more than the rest: enough after a
    /// change that neither makes nor removes a document.
    #[must_use]
    pub fn broken_but_names(&self) -> Vec<Breach> {
        let mut wrong = Vec::new();
        self.check_counts(&mut wrong);
        self.check_edges(&mut wrong);
        self.check_circles(&mut wrong);
        self.check_runs(&mut wrong);
        self.check_parents(&mut wrong);
        self.check_people(&mut wrong);
        self.check_webhooks(&mut wrong);
        wrong
    }

    /// No circle: taking away whatever waits for nothing, again and again, leaves nothing.
    fn check_circles(&self, wrong: &mut Vec<Breach>) {
        let mut waits: BTreeMap<TaskId, usize> = BTreeMap::new();
        let mut before: BTreeMap<TaskId, Vec<TaskId>> = BTreeMap::new();
        for edge in &self.edges {
            *waits.entry(edge.task).or_insert(0) += 1;
            before.entry(edge.depends_on).or_default().push(edge.task);
        }
        let mut free: Vec<TaskId> = before.keys().filter(|task| !waits.contains_key(task)).copied().collect();
        while let Some(task) = free.pop() {
            for next in before.get(&task).into_iter().flatten() {
                if let Some(left) = waits.get_mut(next) {
                    *left -= 1;
                    if *left == 0 {
                        waits.remove(next);
                        free.push(*next);
                    }
                }
            }
        }
        if !waits.is_empty() {
            let tasks: Vec<String> = waits.keys().filter_map(|id| self.tasks.get(id)).map(|t| t.short()).collect();
            wrong.push(Breach::new(Law::NoCircle, format!("a circle of dependencies among {}", tasks.join(", "))));
        }
    }

    fn check_people(&self, wrong: &mut Vec<Breach>) {
        if !self.accounts.is_empty() && self.accounts.values().all(|user| user.role != UserRole::Owner) {
            wrong.push(Breach::new(Law::Owned, "nobody is an owner"));
        }
        for session in &self.sessions {
            if self.accounts.get(session.account.as_str()).is_none_or(|user| user.role != session.role) {
                let what = format!("the session {} of {} is not as its account", session.digest.id8(), session.account);
                wrong.push(Breach::new(Law::Owned, what));
            }
        }
    }

    /// A webhook knows how many of its deliveries wait, and each has the one id that its receiver knows it by.
    fn check_webhooks(&self, wrong: &mut Vec<Breach>) {
        let mut waiting: BTreeMap<WebhookId, u32> = BTreeMap::new();
        for delivery in &self.deliveries {
            *waiting.entry(delivery.webhook).or_insert(0) += u32::from(delivery.waits());
            if delivery.id != delivery_id(delivery.webhook, delivery.line) {
                let what = format!("the delivery {} has not the id of its line {}", delivery.id, delivery.line);
                wrong.push(Breach::new(Law::EventsTold, what));
            }
            if delivery.waits() == delivery.ended_at.is_some() {
                wrong.push(Breach::new(Law::EventsTold, format!("the delivery {} waits and is over", delivery.id)));
            }
        }
        for webhook in self.webhooks.values() {
            let real = waiting.get(&webhook.id).copied().unwrap_or(0);
            if webhook.waiting != real {
                let what = format!("webhook {} counts {} that wait, there are {real}", webhook.id, webhook.waiting);
                wrong.push(Breach::new(Law::Counts, what));
            }
        }
    }

    /// A project that is being removed for good: what is in it goes part by part.
    fn purging(&self, project: ProjectId) -> bool {
        self.projects.get(&project).is_some_and(|p| p.purging)
    }

    /// Nothing is without what it hangs on, except in a project that is being removed.
    fn check_parents(&self, wrong: &mut Vec<Breach>) {
        let mut orphan = |what: &str, id: &dyn Display, project: ProjectId, there: bool| {
            if !self.projects.contains_key(&project) {
                wrong.push(Breach::new(Law::Parents, format!("{what} {id} has no project")));
            } else if !there && !self.purging(project) {
                wrong.push(Breach::new(Law::Parents, format!("{what} {id} hangs on nothing")));
            }
        };
        for counts in &self.counts {
            orphan("counts of", &counts.project, counts.project, true);
        }
        for state in &self.loops {
            orphan("loop state of", &state.project, state.project, true);
        }
        for task in self.tasks.values() {
            orphan("task", &task.id, task.project, true);
        }
        for edge in &self.edges {
            let ends = self.tasks.contains_key(&edge.task) && self.tasks.contains_key(&edge.depends_on);
            orphan("dependency", &edge.id, edge.project, ends);
        }
        for comment in &self.comments {
            orphan("comment", &comment.id, comment.project, self.tasks.contains_key(&comment.task));
        }
        for signal in self.signals.values() {
            orphan("signal", &signal.id, signal.project, self.tasks.contains_key(&signal.task));
        }
        for run in self.runs.values() {
            // The agent of a removed task is stopped first.
            orphan("run", &run.id, run.project, run.open() || self.tasks.contains_key(&run.task));
        }
        for (notice, project) in self.notices.iter().filter_map(|notice| Some((notice, notice.project?))) {
            orphan("notification", &notice.id, project, true);
        }
        for chat in self.chats.values() {
            orphan("chat", &chat.id, chat.project, true);
        }
        for webhook in self.webhooks.values() {
            orphan("webhook", &webhook.id, webhook.project, true);
        }
        for delivery in &self.deliveries {
            if !self.webhooks.contains_key(&delivery.webhook) {
                wrong.push(Breach::new(Law::Parents, format!("delivery {} has no webhook", delivery.id)));
            }
        }
        for message in &self.messages {
            if !self.chats.contains_key(&message.chat) {
                wrong.push(Breach::new(Law::Parents, format!("message {} has no chat", message.id)));
            }
        }
    }

    fn check_counts(&self, wrong: &mut Vec<Breach>) {
        for project in self.projects.values().filter(|p| !p.purging) {
            let mut real = Counts { hidden: project.deleted_at.is_some(), ..Counts::none(project.id) };
            for task in self.tasks.values().filter(|t| t.project == project.id) {
                real.shift(None, Some(task.status));
            }
            match self.counts.iter().find(|c| c.project == project.id) {
                None => wrong.push(Breach::new(Law::Counts, format!("project {} has no counts", project.slug))),
                Some(kept) if kept.columns() != real.columns() => {
                    wrong.push(Breach::new(
                        Law::Counts,
                        format!("project {} counts {:?}, there are {:?}", project.slug, kept.columns(), real.columns()),
                    ));
                }
                Some(_) => {}
            }
        }
    }

    fn check_edges(&self, wrong: &mut Vec<Breach>) {
        for task in self.tasks.values().filter(|t| !self.purging(t.project)) {
            let waits = self.edges.iter().filter(|e| e.task == task.id);
            let open = waits
                .clone()
                .filter(|e| self.tasks.get(&e.depends_on).is_some_and(|t| t.status != Status::Done))
                .count();
            if (task.dependencies as usize, task.open_dependencies as usize) != (waits.count(), open) {
                wrong.push(Breach::new(Law::Counts, format!("{} miscounts what it waits for", task.short())));
            }
            if task.dependents as usize != self.edges.iter().filter(|e| e.depends_on == task.id).count() {
                wrong.push(Breach::new(Law::Counts, format!("{} miscounts what waits for it", task.short())));
            }
        }
    }

    fn check_runs(&self, wrong: &mut Vec<Breach>) {
        let mut actions = BTreeSet::new();
        let mut ended: BTreeMap<(TaskId, Role), u32> = BTreeMap::new();
        let mut open: BTreeMap<TaskId, RunId> = BTreeMap::new();
        for run in self.runs.values() {
            if !actions.insert(&run.action_id) {
                wrong.push(Breach::new(Law::OneRun, format!("action {} was claimed twice", run.action_id)));
            }
            if run.open() {
                if open.insert(run.task, run.id).is_some() {
                    wrong.push(Breach::new(Law::OneRun, format!("task {} has two open runs", run.task)));
                }
            } else {
                *ended.entry((run.task, run.role)).or_insert(0) += 1;
                if run.outcome.is_none() || run.ended_at.is_none() {
                    wrong.push(Breach::new(Law::RunWhole, format!("run {} ended without an outcome", run.id)));
                }
            }
            if (run.state == RunState::Waiting) != run.waits_for.is_some() {
                wrong.push(Breach::new(
                    Law::RunWhole,
                    format!("run {} waits without a question, or has one and does not wait", run.id),
                ));
            }
        }
        for task in self.tasks.values() {
            if task.escalation.is_some() && matches!(task.status, Status::Backlog | Status::Ready | Status::Done) {
                let what = format!("{} is {} and waits for a person", task.short(), task.status.word());
                wrong.push(Breach::new(Law::EscalatedUntil, what));
            }
            if task.open_run != open.get(&task.id).copied() {
                wrong.push(Breach::new(
                    Law::OneRun,
                    format!(
                        "{} says that {:?} is open, but it is {:?}",
                        task.short(),
                        task.open_run,
                        open.get(&task.id)
                    ),
                ));
            }
            for role in Role::ALL {
                let kept = task.ended_runs.get(role).copied().unwrap_or(0);
                let real = ended.get(&(task.id, *role)).copied().unwrap_or(0);
                if kept != real && !self.purging(task.project) {
                    wrong.push(Breach::new(
                        Law::Counts,
                        format!("{} counts {kept} ended runs of {}, there are {real}", task.short(), role.word()),
                    ));
                }
            }
        }
    }

    /// Every name that something has is taken by it, and no name is taken for nothing.
    fn check_names(&self, wrong: &mut Vec<Breach>) {
        let mut used: BTreeSet<String> = BTreeSet::new();
        used.extend(self.projects.values().filter(|p| p.deleted_at.is_none()).map(|p| slug_name(p.slug.as_str())));
        for task in self.tasks.values() {
            used.extend([number_name(task.number), id8_name(task.project, task.id)]);
        }
        for run in self.runs.values() {
            used.extend([action_name(&run.action_id), session_name(&run.session_key)]);
        }
        used.extend(self.edges.iter().map(|edge| edge_name(edge.task, edge.depends_on)));
        used.extend(self.messages.iter().filter_map(|m| m.run_id.as_deref()).map(message_run_name));
        used.extend(self.chats.values().filter_map(|c| c.about.as_ref()).map(|about| task_chat_name(about.task)));
        for version in self.prompts.values() {
            used.extend([prompt_number(&version.line(), version.version), prompt_in_force(&version.line())]);
        }
        for name in &used {
            if !self.names.contains_key(name.as_str()) {
                wrong.push(Breach::new(Law::Names, format!("the unique name {name} is free though it is used")));
            }
        }
        let keys: BTreeSet<DocKey> = self.bodies.iter().map(|body| body.key()).collect();
        for (name, unique) in &self.names {
            if !used.contains(*name) {
                wrong.push(Breach::new(Law::Names, format!("the unique name {name} is taken though nothing has it")));
            } else if !keys.contains(&unique.target) {
                wrong.push(Breach::new(Law::Names, format!("the unique name {name} leads to nothing")));
            } else if let Some(version) = self.prompts.get(&unique.target.id)
                && ![prompt_number(&version.line(), version.version), prompt_in_force(&version.line())]
                    .contains(&unique.key)
            {
                wrong.push(Breach::new(Law::Names, format!("the unique name {name} leads to the prompt of others")));
            }
        }
    }

    /// Tasks that failed more often in a row than they may.
    #[must_use]
    pub fn over_cap(&self, cap: u32) -> Vec<Breach> {
        let over = self.tasks.values().filter(|t| t.failures > cap);
        let says = |t: &&Task| format!("{} failed {} times in a row, the cap is {cap}", t.short(), t.failures);
        over.map(|task| Breach::new(Law::Cap, says(task))).collect()
    }

    /// Tasks that are not at rest: neither parked, done, in review nor blocked with a reason,
    /// and not waiting for a person's answer either. Ready is no rest where an agent could start. A task of a
    /// deleted project rests when it has no agent.
    #[must_use]
    pub fn restless(&self) -> Vec<Breach> {
        let mut found = Vec::new();
        for task in self.tasks.values() {
            let run = task.open_run.and_then(|id| self.runs.get(&id));
            let asks = run.is_some_and(|r| {
                r.state == RunState::Waiting
                    && r.waits_for.and_then(|q| self.signals.get(&q)).is_some_and(|q| q.waits())
            });
            let there = self.projects.get(&task.project).is_some_and(|p| p.deleted_at.is_none());
            let rests = match task.status {
                // What lies in the bin has no agent, and nothing else is to be done with it.
                _ if !there => run.is_none(),
                Status::Backlog | Status::Done | Status::InReview => run.is_none(),
                Status::Blocked => run.is_none() && task.trouble.is_some(),
                Status::InProgress => asks,
                Status::Ready => run.is_none() && task.open_dependencies > 0,
            };
            if !rests {
                let state = run.map_or("none", |r| r.state.word());
                let says = format!("{} is {} with its run {state}", task.short(), task.status.word());
                found.push(Breach::new(Law::AtRest, says));
            }
        }
        found
    }
}
