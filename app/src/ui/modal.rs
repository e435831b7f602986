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

fn dialog(title: String, leave: Callback<()>, corner: AnyView, inside: AnyView) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        if let Some(dialog) = node.get() {
            dialog.close();
            let _ = dialog.show_modal();
        }
    });
    // A click beside the dialog is a click on the dialog's own element: its box is all backdrop there.
    let outside = move |event: web_sys::MouseEvent| {
        let here = node.get_untracked().is_some_and(|dialog: web_sys::HtmlDialogElement| {
            let area = dialog.get_bounding_client_rect();
            let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
            x >= area.left() && x <= area.right() && y >= area.top() && y <= area.bottom()
        });
        if !here {
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
