//! What a webhook is told of one line of the log.
//!
//! How it may be repeated: by its id. The receiver knows it as `webhook-id` and drops what it has, so nothing is looked
//! for: what may have been sent is sent again. The document that says that it is to be sent stands before the effect
//! begins, and only an answer ends it; an attempt that this process does not live to write down is made once more.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{
    activity::Activity,
    actor::Actor,
    command::{Came, Command, SettleDelivery},
    doc::Kind,
    id::DeliveryId,
    project::Project,
    range::Range,
    sabotage::{Switch, removed},
    webhook::{ANSWER_KEPT, Attempt, Delivery as Told, Webhook},
};
use futures_util::{FutureExt, select_biased};

use super::{
    Desk, Effect, GivenUp, Hitch, Seen, Stage, Stop,
    line::Line,
    post::{Parcel, Receipt},
    written,
};

/// A receiver that has not answered for so long is not waited for any more, in milliseconds.
pub(crate) const PATIENCE_MS: i64 = 15_000;

/// One delivery.
pub(crate) struct Delivery {
    desk: Arc<Desk>,
    id: DeliveryId,
    parcel: Option<(Webhook, Activity)>,
}

impl Delivery {
    pub fn new(desk: Arc<Desk>, id: DeliveryId) -> Self {
        Self { desk, id, parcel: None }
    }

    async fn settle(&self, came: Came) -> Result<(), Hitch> {
        let settled = Command::SettleDelivery(SettleDelivery { delivery: self.id, came });
        written(self.desk.write_as(Actor::work_loop(), &settled).await?)
    }

    async fn give_it_up(&self, why: &str) -> Result<Stage, Hitch> {
        self.settle(Came::GivenUp(why.into())).await.map(|()| Stage::Over)
    }

    async fn send(&self, webhook: Webhook, line: Activity) -> (Attempt, Option<i64>) {
        let (at, began) = (self.desk.office.now(), self.desk.reactor.steady());
        let parcel = Parcel { webhook, id: self.id, line, at };
        let receipt = {
            let (answer, late) =
                (self.desk.post.send(&parcel).fuse(), self.desk.reactor.sleep_until(began.plus(PATIENCE_MS)).fuse());
            futures_util::pin_mut!(answer, late);
            select_biased! {
                receipt = answer => receipt,
                () = late => Receipt::none(format!("No answer within {} seconds.", PATIENCE_MS / 1_000)),
            }
        };
        let Receipt { mut status, mut error, answer, asked_ms } = receipt;
        if removed(Switch::TakenByAnswer) && status.is_none() {
            (status, error) = (Some(200), None);
        }
        let ms = u32::try_from(self.desk.reactor.steady().since(began)).unwrap_or(u32::MAX);
        let answer = answer[..answer.floor_char_boundary(ANSWER_KEPT)].to_owned();
        (Attempt { at, ms, status, error, answer }, asked_ms)
    }
}

#[async_trait]
impl Effect for Delivery {
    type Result = Came;

    async fn stage(&mut self, _: bool) -> Result<Stage, Hitch> {
        let Some(told) = self.desk.find::<Told>(self.id).await? else { return Ok(Stage::Over) };
        if !told.waits() || self.desk.office.now() < told.due {
            return Ok(Stage::Over);
        }
        let [webhook, project, line] = [
            Range::doc(Kind::Webhook, told.webhook),
            Range::doc(Kind::Project, told.project),
            Range::doc(Kind::Activity, told.line),
        ];
        let docs = self.desk.read(vec![webhook.clone(), project.clone(), line.clone()]).await?;
        if docs.first::<Project>(&project).is_none_or(|project| project.deleted_at.is_some()) {
            return self.give_it_up("The project was deleted.").await;
        }
        // While it is off what waits for it waits.
        let Some(webhook) = docs.first::<Webhook>(&webhook).filter(|webhook| webhook.sends()) else {
            return Ok(Stage::Over);
        };
        let Some(line) = docs.first::<Activity>(&line) else {
            return self.give_it_up("What it tells is not in the log any more.").await;
        };
        self.parcel = Some((webhook.clone(), line.clone()));
        Ok(Stage::New)
    }

    async fn look(&mut self) -> Result<Seen<Came>, Hitch> {
        Ok(Seen::No)
    }

    async fn act(&mut self) -> Result<Seen<Came>, Hitch> {
        let Some((webhook, line)) = self.parcel.take() else { return Ok(Seen::No) };
        self.desk.lawful()?;
        let (attempt, asked_ms) = self.send(webhook, line).await;
        Ok(Seen::Done(Came::Sent(attempt, asked_ms)))
    }

    async fn follow(&mut self, _: &mut Stop) -> Result<(), Hitch> {
        Ok(())
    }

    async fn record(&mut self, came: Came) -> Result<(), Hitch> {
        self.settle(came).await
    }

    async fn undo(&mut self) -> Result<(), Hitch> {
        Ok(())
    }

    async fn give_up(&mut self, why: GivenUp) -> Result<(), Hitch> {
        let why = match why {
            GivenUp::Refused(sentence) => sentence,
            GivenUp::Unclear => "Nobody can tell whether it was sent.".to_owned(),
        };
        self.settle(Came::GivenUp(why.into())).await
    }

    async fn tell(&mut self, _: String) -> Result<(), Hitch> {
        Ok(())
    }

    fn line(&self) -> Option<Arc<Line>> {
        None
    }

    fn quiet_ms(&self) -> i64 {
        0
    }
}
