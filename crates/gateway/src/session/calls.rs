//! Which answer belongs to which request.

use std::collections::{HashMap, VecDeque};

use super::{Generation, Ticket};
use crate::wire::{Response, text};

/// How many requests may wait for their answer at once.
pub const IN_FLIGHT_MAX: usize = 256;
/// How many `agent` calls may wait for their second answer; the oldest is forgotten first
/// (then the events and `agent.wait` tell the end).
const SECOND_ANSWERS_MAX: usize = 1_024;

struct Call {
    ticket: Ticket,
    answers_twice: bool,
    until: u64,
}

/// What an answer is.
pub(super) enum Answer {
    /// The answer that a caller waits for.
    First(Ticket),
    /// The second answer to an `agent` call.
    Second,
    /// Too late, or never asked.
    Nobodys,
}

#[derive(Default)]
pub(super) struct Calls {
    count: u64,
    open: HashMap<String, Call>,
    half_open: VecDeque<String>,
}

impl Calls {
    pub(super) fn next_id(&mut self, generation: Generation) -> String {
        self.count += 1;
        format!("c{generation}-{}", self.count)
    }

    /// `false` when too many wait already.
    pub(super) fn begin(&mut self, id: String, ticket: Ticket, method: &str, until: u64) -> bool {
        if self.open.len() >= IN_FLIGHT_MAX {
            return false;
        }
        self.open.insert(id, Call { ticket, answers_twice: method == "agent", until });
        true
    }

    pub(super) fn answer(&mut self, response: &Response) -> Answer {
        if let Some(call) = self.open.remove(&response.id) {
            let more = matches!(text(&response.payload, "status"), "accepted" | "in_flight");
            if call.answers_twice && response.ok && more {
                self.half_open.push_back(response.id.clone());
                if self.half_open.len() > SECOND_ANSWERS_MAX {
                    self.half_open.pop_front();
                }
            }
            return Answer::First(call.ticket);
        }
        match self.half_open.iter().position(|id| *id == response.id) {
            Some(at) => {
                self.half_open.remove(at);
                Answer::Second
            }
            None => Answer::Nobodys,
        }
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.open.values().map(|call| call.until).min()
    }

    /// Takes out the calls whose time is up.
    pub(super) fn overdue(&mut self, now: u64) -> Vec<Ticket> {
        let late: Vec<Ticket> = self.open.values().filter(|call| call.until <= now).map(|call| call.ticket).collect();
        if !late.is_empty() {
            self.open.retain(|_, call| call.until > now);
        }
        late
    }

    /// Takes out everything: the connection is gone.
    pub(super) fn drain(&mut self) -> Vec<Ticket> {
        self.half_open.clear();
        self.open.drain().map(|(_, call)| call.ticket).collect()
    }
}
