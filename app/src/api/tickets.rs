//! Every ticket of a project, however many there are: looked through for words, and column by column in pages.
//!
//! Stores answer ranges and know no words, so tickets are read page by page and looked at here. A call looks at
//! so many and says where to go on.

use clutch_domain::id::ProjectId;
use leptos::prelude::*;

use crate::{
    error::AppError,
    model::{tickets::Found, wire::Loaded},
};

/// Tickets of a project that a filter shows. `from` is where an earlier call ended.
#[server(prefix = "/fn", endpoint = "find_tickets", output = crate::codec::Reply)]
pub async fn find_tickets(
    project: ProjectId,
    #[server(default)] words: String,
    #[server(default)] need: bool,
    #[server(default)] running: bool,
    #[server(default)] from: Option<String>,
) -> Result<Found, AppError> {
    use super::edge;
    use crate::{model::filter::Filter, site::site};

    /// Tickets that one call finds.
    const MOST: usize = 200;

    let find = async {
        let filter = Filter::new(&words, need, running);
        let place = edge::filled(from).map(|place| place.parse()).transpose()?;
        Ok(reading::look(&site()?.office, project, None, place, &filter, MOST).await?.1)
    };
    edge::told(find.await)
}

/// A page of one column (`done` unless another is named), with the words that were looked for.
#[server(prefix = "/fn", endpoint = "load_tickets", output = crate::codec::Reply)]
pub async fn load_tickets(
    slug: String,
    #[server(default)] column: Option<String>,
    #[server(default)] words: String,
    #[server(default)] from: Option<String>,
) -> Result<Loaded, AppError> {
    use clutch_domain::task::Status;

    use super::edge;
    use crate::{
        model::{filter::Filter, put, tickets::ColumnPage, wire::Parts},
        site::site,
    };

    /// Tickets of one page.
    const MOST: usize = 50;

    let load = async {
        let site = site()?;
        let project = edge::project(&site, &slug).await?.id;
        let column: Status = column.and_then(|word| word.parse().ok()).unwrap_or(Status::Done);
        let filter = Filter::default().with_words(&words);
        let place = edge::filled(from).map(|place| place.parse()).transpose()?;
        let further = place.is_some();
        let (board, found) = reading::look(&site.office, project, Some(column), place, &filter, MOST).await?;
        let page = ColumnPage {
            project,
            slug: board.project.slug.to_string(),
            name: board.project.name.to_string(),
            color: board.project.color.clone(),
            counts: board.counts.columns(),
            column,
            words: filter.words().to_owned(),
            further,
            found,
        };
        let mut parts = Parts::new();
        put(&mut parts, "page", &page);
        Ok::<_, AppError>(Loaded { version: 0, parts })
    };
    edge::told(load.await)
}

#[cfg(feature = "ssr")]
mod reading {
    use std::str::FromStr;

    use clutch_domain::{
        doc::{Inside, Kind, Scope},
        id::{ProjectId, TaskId},
        query::{Board, Query, Snapshot, answer},
        range::{After, Before, Fetch, Order, Range},
        refusal::Refusal,
        task::{Status, Task},
        time::Millis,
    };
    use clutch_orchestrator::office::Office;

    use crate::{
        error::{AppError, Class},
        model::{cards, filter::Filter, tickets::Found},
    };

    /// Tickets that one call looks at.
    const LOOKED_MAX: u32 = 5_000;
    /// Tickets that are read at once.
    const PAGE: u32 = 500;

    /// A ticket's place in a look: behind it the next one begins.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Place {
        order: f64,
        at: Millis,
        id: TaskId,
    }

    // As it stands in an address.
    impl std::fmt::Display for Place {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}_{}_{}", self.order, self.at.0, self.id)
        }
    }

    impl FromStr for Place {
        type Err = AppError;

        fn from_str(text: &str) -> Result<Self, AppError> {
            let mut words = text.split('_');
            let mut next = || words.next().unwrap_or_default();
            match (next().parse::<f64>(), next().parse(), next().parse()) {
                (Ok(order), Ok(at), Ok(id)) if order.is_finite() => Ok(Self { order, at: Millis(at), id }),
                _ => Err(AppError::new(Class::Invalid, "place_unknown", "There is no such place among the tickets.")),
            }
        }
    }

    /// The tickets behind a place: of one column in its order, or of the whole project.
    fn range(project: ProjectId, column: Option<Status>, place: Option<&Place>, limit: u32) -> Range {
        let (kind, scope) = (Kind::Task, Scope::Project(project));
        let after = place.map(|place| After { order: place.order, id: place.id.to_string() });
        match (column, place) {
            (None, _) => Range::Children { kind, parent: project.to_string(), after, limit },
            (Some(Status::Done), None) => Range::ByStatus {
                kind,
                scope: Some(scope),
                status: Status::Done.word().into(),
                order: Order::Newest,
                limit,
            },
            (Some(Status::Done), Some(place)) => {
                let before = Before { at: place.at, id: place.id.to_string() };
                Range::StatusBefore { kind, scope, status: Status::Done.word().into(), before, limit }
            }
            (Some(column), _) => {
                Range::StatusPage { kind, scope, status: column.word().into(), from: after, back: false, limit }
            }
        }
    }

    /// The board without its cards.
    async fn bare(office: &Office, project: ProjectId) -> Result<Board, AppError> {
        let query = Query::board(project);
        let mut ranges = query.fetch().ranges;
        ranges.retain(|range| !matches!(range, Range::ByStatus { kind: Kind::Task, .. }));
        let read = office.read(&Fetch { scopes: Vec::new(), ranges }).await?;
        match answer(&query, &read.value) {
            Snapshot::Board(board) => Ok(*board),
            Snapshot::Unread(unread) => Err(unread.refusal().into()),
            _ => Err(Refusal::ProjectNotFound.into()),
        }
    }

    /// Looks through tickets from a place on, until so many were found that the filter shows.
    pub async fn look(
        office: &Office,
        project: ProjectId,
        column: Option<Status>,
        mut place: Option<Place>,
        filter: &Filter,
        most: usize,
    ) -> Result<(Board, Found), AppError> {
        let mut board = bare(office, project).await?;
        let mut found = Found::default();
        // Without a filter every ticket is one that is wanted, and one more tells whether there are more.
        let page = if filter.is_none() { most as u32 + 1 } else { PAGE };
        loop {
            let range = range(project, column, place.as_ref(), page);
            let read = office.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await?;
            let docs = read.value.get(&range).unwrap_or_default();
            let places: Vec<Place> = docs
                .iter()
                .filter_map(|doc| {
                    let (task, index) = (Task::of(&doc.body)?, doc.body.index());
                    Some(Place { order: index.order, at: index.at, id: task.id })
                })
                .collect();
            board.tasks = read.value.all::<Task>(&range).cloned().collect();
            for (card, at) in cards(&board).into_iter().zip(places) {
                let shown = filter.shows(&card);
                if found.looked >= LOOKED_MAX || (shown && found.cards.len() == most) {
                    found.next = place.map(|place| place.to_string());
                    return Ok((board, found));
                }
                found.looked += 1;
                if shown {
                    found.cards.push(card);
                }
                place = Some(at);
            }
            // What this program cannot read has no place; a page of nothing else is the last.
            if docs.len() < page as usize || board.tasks.is_empty() {
                return Ok((board, found));
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_place_is_read_as_it_was_written() {
            let id = "00000000-0000-4000-8000-000000000001".parse().unwrap();
            for order in [-3.25, 0.1 + 0.2, 1e300, f64::MIN_POSITIVE] {
                let place = Place { order, at: Millis(-5), id };
                assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
            }
            for text in ["", "_", "1_2", "1_2_3", "NaN_2_00000000-0000-4000-8000-000000000001", "x"] {
                assert!(text.parse::<Place>().is_err(), "{text}");
            }
        }
    }
}
