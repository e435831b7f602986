//! A dialog. The server paints it open and flat; in the browser it becomes modal, with the
//! platform's own focus handling. Most are open because the address says so, so they work
//! without JavaScript too.

use leptos::{html, prelude::*};

use super::Erase;

/// A dialog that is there as long as it is rendered.
#[component]
pub fn Modal(
    /// Its heading.
    #[prop(into)]
    title: String,
    /// Where its closing leads.
    #[prop(into)]
    close: String,
    /// Its inside.
    children: Children,
) -> impl IntoView {
    let navigate = leptos_router::hooks::use_navigate();
    let href = close.clone();
    let leave = Callback::new(move |()| {
        navigate(&close, leptos_router::NavigateOptions { scroll: false, ..Default::default() });
    });
    dialog(
        title,
        leave,
        view! { <a class="icon-btn" href=href data-noscroll aria-label="Close"><super::Icon name="x" /></a> }.erase(),
        children().erase(),
    )
}

/// A question that is asked before something that is hard to undo.
#[component]
pub fn Confirm(
    /// The question.
    #[prop(into)]
    title: String,
    /// What will happen.
    #[prop(into)]
    text: String,
    /// The word on the button that does it.
    #[prop(into)]
    yes: String,
    /// It deletes something.
    #[prop(optional)]
    danger: bool,
    /// Hears the answer.
    answer: Callback<bool>,
) -> impl IntoView {
    let leave = Callback::new(move |()| answer.run(false));
    dialog(
        title,
        leave,
        ().erase(),
        view! {
            <p>{text}</p>
            <div class="row end">
                <button type="button" class="btn" on:click=move |_| answer.run(false)>"Cancel"</button>
                <button type="button" class=if danger { "btn bad" } else { "btn p" } autofocus on:click=move |_| answer.run(true)>{yes}</button>
            </div>
        }
        .erase(),
    )
}

/// Does something with an element that is in the page, or will be in the next frame: a view that
/// waited for its code is built before it is put in.
pub fn when_in_page(element: &web_sys::Node, act: impl FnOnce() + 'static) {
    if element.is_connected() {
        act();
    } else {
        super::listen::next_frame(act);
    }
}

fn dialog(title: String, leave: Callback<()>, corner: AnyView, inside: AnyView) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    crate::ui::listen::follow(move || {
        if let Some(dialog) = node.get() {
            when_in_page(&dialog.clone(), move || {
                dialog.close();
                let _ = dialog.show_modal();
            });
        }
    });
    // A press beside the dialog is a press on the dialog's own element: its box is all backdrop there. What
    // has another target is inside, wherever it says it is: Firefox tells of a chosen option without a place.
    let outside = move |event: web_sys::MouseEvent| {
        let Some(dialog) = node.get_untracked() else { return };
        let dialog: web_sys::HtmlDialogElement = dialog;
        if event.target().as_deref() != Some(dialog.as_ref()) {
            return;
        }
        let area = dialog.get_bounding_client_rect();
        let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
        if x < area.left() || x > area.right() || y < area.top() || y > area.bottom() {
            leave.run(());
        }
    };
    let label = title.clone();
    view! {
        <dialog class="modal" open aria-label=label node_ref=node on:mousedown=outside
            on:cancel=move |event: web_sys::Event| { event.prevent_default(); leave.run(()) }>
            <header><h2>{title}</h2>{corner}</header>
            {inside}
        </dialog>
    }
    .erase()
}
