//! Closed lists of words, as the document shows them: made of the domain's own, so the two cannot differ.

use std::borrow::Cow;

use clutch_domain::{actor, chat, plan::explain, run, talk, task, webhook};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident of $words:ty;)+) => {$(
        $(#[$doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = <$words>::ALL.iter().map(|word| word.word());
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

lists! {
    /// Columns.
    Status of task::Status;
    /// Priorities.
    Priority of task::Priority;
    /// Roles.
    Role of task::Role;
    /// Resolutions.
    Resolution of task::Resolution;
    /// Kinds of authors of comments.
    AuthorType of talk::AuthorType;
    /// Kinds of comments.
    CommentType of talk::CommentType;
    /// Kinds of signals.
    SignalKind of talk::SignalKind;
    /// Severities of signals.
    SignalSeverity of talk::SignalSeverity;
    /// How far an answer is.
    Delivery of talk::Delivery;
    /// How far a message is.
    DeliveryStatus of chat::DeliveryStatus;
    /// How far what a webhook is told is.
    DeliveryState of webhook::DeliveryState;
    /// States of runs.
    RunState of run::RunState;
    /// How runs end.
    Outcome of run::Outcome;
    /// What brings on a ready task that is not taken.
    Fix of explain::Fix;
    /// Kinds of callers.
    ActorKind of actor::ActorKind;
}
