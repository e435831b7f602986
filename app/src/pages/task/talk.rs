//! What is said about a ticket: open questions with their answer, the thread, the composer.

use clutch_domain::{
    id::Uuid,
    talk::{CommentType, Delivery},
};
use leptos::{html, prelude::*, server_fn::ServerFn};

use super::state::TaskState;
use crate::{
    api::{AddComment, AnswerSignal, TalkAbout, add_comment, answer_signal, talk_about},
    model::task::{CommentItem, SignalItem},
    pages::{FormError, FormText, board::send_on_ctrl_enter},
    ui::{Act, Ago, Drafts, Erase, Icon, Markdown, Outbox, dynamic, list, upper},
};

/// Questions that wait, each with the form of its answer.
#[component]
pub fn Questions(state: TaskState) -> impl IntoView {
    let waiting = move || state.signals.all().into_iter().filter(|s| s.waits).map(|s| s.id.0).collect();
    let question = move |id| state.signals.peek(id).map(|signal| view! { <Question signal /> }).erase();
    list(waiting, question)
}

#[component]
fn Question(signal: SignalItem) -> impl IntoView {
    let id = signal.id;
    let form = NodeRef::<html::Form>::new();
    let drafts = Drafts::keep(form, format!("answer:{id}"));
    let outbox = Outbox::open(form, format!("answer:{id}"), move |words, key| async move {
        answer_signal(id, words, key).await.map(drop)
    });
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let form = FormText::of(&event);
        let words = form.text("response");
        if !words.is_empty() {
            drafts.sent(|name| form.raw(name));
            outbox.say(words);
        }
    };
    // Each is a form of its own, so that they work before any code does.
    let offered = (!signal.options.is_empty()).then(|| {
        let offer = |option: String| {
            let words = option.clone();
            let choose = move |event: web_sys::SubmitEvent| {
                event.prevent_default();
                outbox.say(words.clone());
            };
            view! {
                <form method="post" action=AnswerSignal::url() on:submit=choose>
                    <input type="hidden" name="signal" value=id.to_string() />
                    <input type="hidden" name="response" value=option.clone() />
                    <button class="btn" dir="auto">{option}</button>
                </form>
            }
        };
        let all: Vec<_> = signal.options.into_iter().map(offer).collect();
        view! { <div class="row offered" role="group" aria-label="Answers that it offers">{all}</div> }
    });
    view! {
        <section class="question" aria-label="The agent asks you">
            <p class="ask"><b>{signal.kind.label()}" from "{signal.agent}</b>" · "<Ago at=signal.at long=true /></p>
            <Markdown html=signal.message />
            {offered}
            <form method="post" action=AnswerSignal::url() node_ref=form on:submit=send on:keydown=send_on_ctrl_enter>
                <FormError path=AnswerSignal::PATH />
                <input type="hidden" name="signal" value=id.to_string() />
                {outbox.view()}
                <textarea name="response" dir="auto" data-draft rows="2" required placeholder="Your answer goes straight to the agent." aria-label="Answer"></textarea>
                <div class="row end">
                    <small class="grow">"Ctrl+Enter sends"</small>
                    <button class="btn s p">"Answer"</button>
                </div>
            </form>
        </section>
    }
    .erase()
}

/// Comments and answered questions in the order of time, and the composer.
#[component]
pub fn Thread(state: TaskState, act: Act) -> impl IntoView {
    let (id, number) = state.task.with_untracked(|t| (t.id, t.number));
    let entries = move || {
        let mut all: Vec<(i64, Uuid)> = state.comments.all().iter().map(|c| (c.at.0, c.id.0)).collect();
        all.extend(state.signals.all().iter().filter(|s| !s.waits).map(|s| (s.at.0, s.id.0)));
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, id)| id).collect()
    };
    let entry = move |id| match (state.comments.get(id), state.signals.get(id)) {
        (Some(item), _) => dynamic(move || comment(&item.read()).erase()).into_any(),
        (None, Some(item)) => dynamic(move || signal(&item.read()).erase()).into_any(),
        (None, None) => ().erase(),
    };
    let form = NodeRef::<html::Form>::new();
    let drafts = Drafts::keep(form, format!("comment:{number}"));
    let outbox = Outbox::open(form, format!("comment:{number}"), move |words, key| async move {
        add_comment(id, words, key).await.map(drop)
    });
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let form = FormText::of(&event);
        let words = form.text("content");
        if !words.is_empty() {
            drafts.sent(|name| form.raw(name));
            outbox.say(words);
        }
    };
    let more = move || state.task.with(|t| t.more_comments);
    let talk = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        act.run(talk_about(id), |_| {});
    };
    view! {
        <section class="thread" aria-labelledby="comments">
            <div class="sec">
                <h3 id="comments">"Comments"</h3>
                <span class="mut">{dynamic(move || state.comments.ids.with(Vec::len))}{dynamic(move || more().then_some("+"))}</span>
                <form method="post" action=TalkAbout::url() on:submit=talk>
                    <FormError path=TalkAbout::PATH />
                    <input type="hidden" name="task" value=id.to_string() />
                    <button class="btn s" disabled=move || act.busy.get() != 0><Icon name="reply" />"Chat about it"</button>
                </form>
            </div>
            {dynamic(move || more().then(|| view! {
                <p class="mut">"Older comments are not shown here. "<a href=format!("/words/comments/{id}") rel="external">"Read all of them"</a></p>
            }))}
            <div>{list(entries, entry)}</div>
            <form class="composer" method="post" action=AddComment::url() node_ref=form on:submit=send on:keydown=send_on_ctrl_enter>
                <FormError path=AddComment::PATH />
                <input type="hidden" name="task" value=id.to_string() />
                {outbox.view()}
                <textarea name="content" dir="auto" data-draft rows="2" required placeholder="Write a comment; the next agent reads it." aria-label="Comment"></textarea>
                <div class="row end">
                    <small class="grow">"Ctrl+Enter sends"</small>
                    <button class="btn s">"Comment"</button>
                </div>
            </form>
        </section>
    }
    .erase()
}

fn comment(c: &CommentItem) -> AnyView {
    let (class, who) = (if c.mine { "me" } else { "agent" }, c.author.clone());
    let mark = match c.kind {
        CommentType::Message => None,
        kind => Some(view! { <span class=format!("chip kind-{}", kind.word())>{kind.label()}</span> }),
    };
    view! {
        <article class=format!("msg {class}")>
            <p class="by"><span class="face" aria-hidden="true">{initial(&who)}</span><b dir="auto">{who}</b>{mark}<Ago at=c.at long=true /></p>
            <Markdown html=c.content.clone() />
        </article>
    }
    .erase()
}

fn signal(s: &SignalItem) -> AnyView {
    let way = s.delivery.map(|delivery| {
        let text = match (&s.delivery_error, delivery) {
            (Some(why), Delivery::Failed) => format!("Not delivered: {why}"),
            (_, Delivery::Pending) if s.delivery_trouble.is_some() => {
                format!(
                    "Not delivered yet, the gateway refuses it; tried again: {}",
                    s.delivery_trouble.as_deref().unwrap_or_default()
                )
            }
            _ => delivery.label().to_owned(),
        };
        let class = if delivery == Delivery::Failed { "way bad" } else { "way" };
        view! { <small class=class>{text}</small> }
    });
    let by = s.by_program.then(|| view! { <small class="way">"Answered by a program"</small> });
    let answer =
        s.response.clone().map(|html| view! { <div class="answer"><Icon name="reply" /><Markdown html /></div> });
    view! {
        <article class="msg agent">
            <p class="by">
                <span class="face" aria-hidden="true">{initial(&s.agent)}</span><b dir="auto">{s.agent.clone()}</b>
                <span class="chip">{s.kind.label()}</span><Ago at=s.at long=true />
            </p>
            <Markdown html=s.message.clone() />
            {answer}{by}{way}
        </article>
    }
    .erase()
}

fn initial(name: &str) -> String {
    name.chars().next().map(|c| upper(&c.to_string())).unwrap_or_default()
}
