//! Kills, cuts, sleeps and confusion.

use std::sync::{Arc, PoisonError};

use clutch_domain::run::Run;

use crate::{
    Servers,
    client::{Call, Client},
    exec::Group,
};

/// A gateway takes nothing of so many in a hundred of the servers that come up.
const BUSY_PERCENT: u32 = 25;

/// Until `end` of steady time.
pub(crate) async fn reign(servers: Arc<Servers>, end: i64) {
    let exec = servers.exec.clone();
    while exec.now() < end {
        let (pause, luck) = exec.rng(|r| (r.between(2_000, 100_000), r.between(0, 99)));
        exec.sleep(pause).await;
        match luck {
            0..=23 => servers.kill_one().await,
            24..=47 => {
                servers.gateway.crash();
                let down = exec.rng(|r| r.between(100, 50_000));
                exec.sleep(down).await;
                servers.gateway.restart();
            }
            48..=59 => {
                exec.count("connection was cut");
                servers.gateway.clients().iter().for_each(|c| c.drop_connection("the connection was cut"));
            }
            60..=68 => servers.refuse(end),
            69..=75 => servers.lull_one(),
            76..=81 => {
                // The store becomes unreachable for a while: leases run out.
                exec.count("store stood still");
                servers.store.set_faults(60);
                let away = exec.rng(|r| r.between(5_000, 40_000));
                exec.sleep(away).await;
                // Also where the storm is over by then: on such a day the store fails now and then for ever.
                servers.store.set_faults(2);
            }
            82..=87 => {
                let Some(server) = servers.some() else { continue };
                let ms = exec.rng(|r| r.between(1_000, 60_000));
                server.door.blind(ms);
            }
            88..=93 => servers.type_something(),
            _ => servers.turn_a_clock(),
        }
    }
    if servers.stubborn {
        servers.refuse_for_ever();
    }
}

impl Servers {
    /// A server dies, after some polls or after some time, and another one starts a little later.
    async fn kill_one(&self) {
        let exec = &self.exec;
        let Some(server) = self.some() else { return };
        let group = server.group;
        let polls = exec.rng(|r| r.bits() % 400 + 1);
        exec.kill_after(group, polls);
        let within = exec.rng(|r| r.between(1, 20_000));
        self.replace(group, within).await;
    }

    /// A server dies within so many milliseconds, and another one takes its place.
    pub(crate) async fn replace(&self, group: Group, within: i64) {
        let exec = &self.exec;
        exec.sleep(within).await;
        if !exec.is_dead(group) {
            exec.say(|| format!("server {group} is killed"));
            exec.kill(group);
        }
        if !self.bury(group) {
            return; // it was to die twice
        }
        exec.count("server died");
        // Without any server nobody answers webhooks.
        self.board.set_open(!self.alive().is_empty());
        let down = exec.rng(|r| r.between(100, 15_000));
        exec.sleep(down).await;
        let group = self.start();
        self.board.set_open(true);
        self.be_busy(group);
    }

    /// Now and then a gateway that let a server wait until it died takes nothing of the next one for a while.
    fn be_busy(&self, group: Group) {
        let (busy, ms) = self.exec.rng(|r| (r.chance(BUSY_PERCENT), r.between(500, 20_000)));
        if busy && *self.storm.lock().unwrap_or_else(PoisonError::into_inner) {
            let until = self.exec.now() + ms;
            let of = |client: &&Arc<Client>| client.group() == group;
            for client in self.gateway.clients().iter().filter(of) {
                client.refuse(Call::Start, until);
                client.refuse(Call::Steer, until);
            }
        }
    }

    /// A machine sleeps between two steps, wakes up, and does not know that somebody else leads by now. Its
    /// steady clock counts the sleep.
    fn lull_one(&self) {
        let Some(server) = self.some() else { return };
        let (polls, ms) = self.exec.rng(|r| (r.bits() % 200 + 1, r.between(5_000, 60_000)));
        self.exec.freeze_after(server.group, polls, ms);
    }

    /// The gateway refuses one kind of call for a while.
    fn refuse(&self, end: i64) {
        let call = [Call::Start, Call::Look, Call::Stop, Call::Steer];
        let (which, ms, ever) = self.exec.rng(|r| (r.index(call.len()), r.between(500, 60_000), r.chance(10)));
        let Some(call) = call.get(which).copied() else { return };
        let ever = ever && call != Call::Start;
        // A refused start is a failed attempt: a second of it is enough.
        let ms = if call == Call::Start { ms.min(2_000) } else { ms };
        let until = if ever { i64::MAX } else { (self.exec.now() + ms).min(end) };
        self.gateway.clients().iter().for_each(|client| client.refuse(call, until));
    }

    /// The gateway lets nobody see or stop what is at work by now, and never will.
    fn refuse_for_ever(&self) {
        let call = if self.exec.rng(|r| r.chance(50)) { Call::Look } else { Call::Stop };
        self.exec.count("gateway refuses for ever");
        self.gateway.clients().iter().for_each(|client| client.refuse(call, i64::MAX));
    }

    /// A person writes into a session at the gateway.
    fn type_something(&self) {
        let sessions: Vec<String> = self.store.all::<Run>().into_iter().map(|run| run.session_key).collect();
        let Some(session) = sessions.get(self.exec.rng(|r| r.index(sessions.len()))) else { return };
        self.gateway.type_into(session);
    }

    /// The wall clock of a machine steps, up to two hours in either direction.
    fn turn_a_clock(&self) {
        let Some(server) = self.some() else { return };
        let beside = self.exec.rng(|r| r.between(-7_200_000, 7_200_000));
        self.exec.count("a clock stepped");
        self.exec.say(|| format!("the clock of server {} is {beside} ms beside the right time", server.group));
        self.exec.set_wall(server.group, beside);
    }
}
