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
    /// The address without it, for browsers without our code.
    #[prop(into)]
    close: String,
    /// Closes it.
    leave: Callback<()>,
    /// Its inside.
    children: Children,
) -> impl IntoView {
    let corner = view! {
        <a class="icon-btn" href=close data-noscroll aria-label="Close" on:click=move |event| closes(&event, leave)><super::Icon name="x" /></a>
    };
    dialog(title, leave, corner.erase(), children().erase())
}

/// A plain click on a link that closes something: it is closed instead of followed.
pub fn closes(event: &web_sys::MouseEvent, leave: Callback<()>) {
    if !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key()) {
        event.prevent_default();
        event.stop_propagation();
        leave.run(());
    }
}

/// A dialog that some state opens, and no address.
#[component]
pub fn Sheet(
    /// Its heading.
    #[prop(into)]
    title: String,
    /// Closes it.
    leave: Callback<()>,
    /// Its inside.
    children: Children,
) -> impl IntoView {
    let corner = view! {
        <button type="button" class="icon-btn" aria-label="Close" on:click=move |_| leave.run(())><super::Icon name="x" /></button>
    };
    dialog(title, leave, corner.erase(), children().erase())
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
    // A second press while the first is done answers nothing.
    let answered = StoredValue::new(false);
    let say = move |yes: bool| {
        if answered.try_get_value() == Some(false) {
            answered.set_value(true);
            answer.run(yes);
        }
    };
    let leave = Callback::new(move |()| say(false));
    // Where something is lost, a key that is pressed by accident does the harmless thing.
    dialog(
        title,
        leave,
        ().erase(),
        view! {
            <p>{text}</p>
            <div class="row end">
                <button type="button" class="btn" autofocus=danger on:click=move |_| say(false)>"Cancel"</button>
                <button type="button" class=if danger { "btn bad" } else { "btn p" } autofocus=!danger on:click=move |_| say(true)>{yes}</button>
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

/// A dialog that goes is taken out of the page, not closed, so the browser does not do it: what had the focus
/// before has it again, unless something else has it by then.
#[cfg(feature = "hydrate")]
fn give_the_focus_back() {
    use leptos::__reexports::send_wrapper::SendWrapper;
    use wasm_bindgen::JsCast;

    let had = document().active_element().and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
    let Some(had) = had.filter(|element| element.tag_name() != "BODY").map(SendWrapper::new) else { return };
    on_cleanup(move || {
        let had = had.take();
        super::listen::next_frame(move || {
            if document().active_element().is_none_or(|active| active.tag_name() == "BODY") {
                let _ = had.focus();
            }
        });
    });
}

fn dialog(title: String, leave: Callback<()>, corner: AnyView, inside: AnyView) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    #[cfg(feature = "hydrate")]
    give_the_focus_back();
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
