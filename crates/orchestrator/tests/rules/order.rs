//! The order of cards: long columns, closed gaps, and the page that paints a move before the server answers.

use std::collections::{BTreeMap, BTreeSet};

use clutch_domain::{
    change::Change,
    command::{Command, Direction, Place},
    id::TaskId,
    refusal::Refusal,
    rule::placing::{self, Card},
    task::Status::{self, Done, Ready},
};
use clutch_orchestrator::office::Error;

use crate::house::{House, at, new_task, to, waiting_for};

/// A column in its order.
async fn column(house: &House, status: Status) -> Vec<Card> {
    let mut cards: Vec<Card> =
        house.tasks().await.iter().filter(|t| t.status == status).map(|t| (t.id, t.position)).collect();
    cards.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.to_string().cmp(&b.0.to_string())));
    cards
}

/// Cards at these positions, as an older program or a long life left them.
async fn lay(house: &House, positions: &[f64]) -> Vec<TaskId> {
    let mut made = Vec::new();
    for position in positions {
        let id = house.task("card", Ready).await;
        let mut task = house.get(id).await;
        task.position = *position;
        let mut change = Change::default();
        change.overwrite(task);
        house.store.commit(change, house.key()).await.unwrap();
        made.push(id);
    }
    made
}

#[tokio::test]
async fn a_new_card_of_a_long_column_is_its_last() {
    let house = House::new().await;
    let mut made = Vec::new();
    for _ in 0..600 {
        made.push(house.task("card", Ready).await);
    }
    let cards = column(&house, Ready).await;
    assert_eq!(cards.iter().map(|c| c.0).collect::<Vec<_>>(), made);
    assert!(cards.windows(2).all(|w| w[0].1 < w[1].1), "no two share a position");

    house.run(at(made[0], Ready, Place::End)).await.unwrap();
    assert_eq!(column(&house, Ready).await.last().unwrap().0, made[0]);
    house.run(at(made[1], Ready, Place::After(made[590]))).await.unwrap();
    house.run(at(made[2], Ready, Place::Before(made[595]))).await.unwrap();
    house.run(at(made[3], Ready, Place::Index(550))).await.unwrap();
    let order: Vec<TaskId> = column(&house, Ready).await.iter().map(|c| c.0).collect();
    let place = |id| order.iter().position(|other| *other == id).unwrap();
    assert_eq!(place(made[1]), place(made[590]) + 1);
    assert_eq!(place(made[2]) + 1, place(made[595]));
    assert_eq!(place(made[3]), 550);
    house.check().await;
}

#[tokio::test]
async fn a_move_reads_and_writes_few_cards_however_long_the_column_is() {
    let house = House::new().await;
    let made = lay(&house, &(1..=300).map(f64::from).collect::<Vec<_>>()).await;
    for place in [Place::End, Place::Top, Place::Before(made[150]), Place::After(made[200])] {
        house.reset_reads();
        let done = house.run(at(made[7], Ready, place)).await.unwrap();
        let (looks, most) = house.reads();
        assert!(looks <= 5 && most <= 4, "{place:?}: {looks} looks, {most} documents in one");
        assert_eq!(done.change.puts().count(), 1, "{place:?}");
    }
}

#[tokio::test]
async fn a_new_ticket_reads_as_much_in_a_long_column_as_in_a_short_one() {
    let mut costs = BTreeSet::new();
    for cards in [1, 30, 300] {
        let house = House::new().await;
        lay(&house, &(1..=cards).map(f64::from).collect::<Vec<_>>()).await;
        house.reset_reads();
        house.run(Command::CreateTask(new_task(house.project, "new", Ready))).await.unwrap();
        costs.insert(house.reads());
    }
    assert_eq!(costs.len(), 1, "looks, and most documents in one: {costs:?}");
}

#[tokio::test]
async fn a_closed_gap_spreads_a_window_and_not_the_column() {
    let house = House::new().await;
    let mut positions: Vec<f64> = (1..=400).map(f64::from).collect();
    positions[200] = 200.0 + 1e-9; // right below the card at 200
    let made = lay(&house, &positions).await;
    let new = house.task("new", Status::Backlog).await;
    house.reset_reads();
    let done = house.run(at(new, Ready, Place::After(made[199]))).await.unwrap();
    let (looks, most) = house.reads();
    assert!(looks <= 8 && most <= 60, "{looks} looks, {most} documents in one");
    let moved = done.change.puts().filter(|b| matches!(b, clutch_domain::doc::Body::Task(_))).count();
    assert_eq!(moved, 2 * placing::HALF_WINDOW + 1);
    let order: Vec<TaskId> = column(&house, Ready).await.iter().map(|c| c.0).collect();
    let mut want = made.clone();
    want.insert(200, new);
    assert_eq!(order, want);
}

#[tokio::test]
async fn cards_of_one_position_are_told_apart_when_one_is_moved_there() {
    let house = House::new().await;
    lay(&house, &[&[1.0, 2.0][..], &[501.0; 90]].concat()).await;
    let before: Vec<TaskId> = column(&house, Ready).await.iter().map(|c| c.0).collect();
    let new = house.task("new", Status::Backlog).await;
    house.run(at(new, Ready, Place::Before(before[50]))).await.unwrap();
    let cards = column(&house, Ready).await;
    let mut want = before.clone();
    want.insert(50, new);
    assert_eq!(cards.iter().map(|c| c.0).collect::<Vec<_>>(), want);
    let near = &cards[40..60];
    assert!(near.windows(2).all(|w| w[1].1 - w[0].1 >= placing::WIDE_GAP), "{near:?}");
}

#[tokio::test]
async fn one_change_remembers_what_it_wrote_itself() {
    let house = House::new().await;
    let [a, w] = lay(&house, &[1.0, 1.0 + 1e-9]).await[..] else { panic!("two cards") };
    let done = house.make(waiting_for(new_task(house.project, "done", Done), &[(w, Direction::Blocks)])).await;
    assert_eq!(house.get(w).await.open_dependencies, 0);
    // Its way back needs room beside a card that waits for it: that card is moved and told.
    let mut reopen = clutch_domain::command::MoveTask {
        task: done,
        to: Ready,
        place: Place::After(a),
        reason: None,
        resolution: None,
        reopen: true,
    };
    house.run(Command::MoveTask(reopen.clone())).await.unwrap();
    let order: Vec<TaskId> = column(&house, Ready).await.iter().map(|c| c.0).collect();
    assert_eq!((order, house.get(w).await.open_dependencies), (vec![a, done, w], 1));
    house.check().await;
    reopen.place = Place::Before(done);
    assert_eq!(house.run(Command::MoveTask(reopen)).await.err(), Some(Error::Refused(Refusal::NeighbourNotFound)));
    house.run(to(done, Done)).await.unwrap();
    assert_eq!(house.get(w).await.open_dependencies, 0);
}

/// The page holds the whole column, the rule reads a few cards of it: both must come to the same places.
#[tokio::test]
async fn the_page_paints_what_the_server_writes() {
    let mut seed = 7_u64;
    let mut luck = move |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let mut spread = 0;
    for case in 0..60 {
        let house = House::new().await;
        let positions: Vec<f64> = (0..1 + luck(90))
            .map(|_| if luck(3) == 0 { luck(6) as f64 } else { 3.0 + luck(40) as f64 * 1e-7 })
            .collect();
        lay(&house, &positions).await;
        let cards = column(&house, Ready).await;
        let (moved, beside) = (luck(cards.len() as u64) as usize, luck(cards.len() as u64) as usize);
        let place = match luck(5) {
            0 => Place::End,
            1 => Place::Top,
            2 => Place::Before(cards[beside].0),
            3 => Place::After(cards[beside].0),
            _ => Place::Index(beside as u32),
        };
        let moved = cards[moved].0;
        let done = house.run(at(moved, Ready, place)).await;
        match placing::place(&cards, moved, place) {
            Err(refusal) => assert_eq!(done.err(), Some(Error::Refused(refusal)), "case {case}"),
            Ok(placed) => {
                done.unwrap();
                spread += usize::from(!placed.spread.is_empty());
                let mut want: BTreeMap<TaskId, f64> = cards.iter().copied().collect();
                want.insert(moved, placed.position);
                want.extend(placed.spread);
                let found: BTreeMap<TaskId, f64> = column(&house, Ready).await.into_iter().collect();
                assert_eq!(found, want, "case {case}: {place:?} of {moved}");
            }
        }
    }
    assert!(spread > 10, "too tame: {spread} times cards were spread");
}
