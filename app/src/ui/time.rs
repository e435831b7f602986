//! Ages. The server's clock paints the first ones, so the first render in the browser says
//! exactly the same; afterwards one timer per page moves them all.

use clutch_domain::time::{Millis, Utc};
use leptos::prelude::*;

/// The page's clock, shared through Leptos' context. It tells the server's time, whatever the browser's clock says.
#[derive(Clone, Copy)]
pub struct Clock {
    now: RwSignal<i64>,
    /// So far the browser's clock is ahead of the server's.
    ahead: StoredValue<i64>,
    /// The reader's zone counts: the page is awake.
    local: RwSignal<bool>,
}

impl Clock {
    /// A clock that stands still until it is set and started.
    #[must_use]
    pub fn new() -> Self {
        Self { now: RwSignal::new(0), ahead: StoredValue::new(0), local: RwSignal::new(false) }
    }

    /// Sets it to the server's time.
    pub fn set(self, now: Millis) {
        #[cfg(feature = "hydrate")]
        self.ahead.set_value(js_sys::Date::now() as i64 - now.0);
        let _ = self.ahead;
        self.now.set(now.0);
    }

    /// Lets it run, every ten seconds. Does nothing on the server.
    pub fn start(self) {
        #[cfg(feature = "hydrate")]
        crate::ui::listen::follow(move || {
            let tick = move || {
                self.now.set(js_sys::Date::now() as i64 - self.ahead.get_value());
                self.tell();
            };
            self.local.set(true);
            tick();
            super::listen::every(std::time::Duration::from_secs(10), tick);
        });
    }

    /// Lets all moments on the page say what they say now. One hand for all of them: each following the clock by itself
    /// would cost a board of hundreds of cards a part of its memory, and a signal that lives as long as the page
    /// forgets nobody who followed it.
    #[cfg(feature = "hydrate")]
    fn tell(self) {
        use wasm_bindgen::JsCast;

        let Ok(moments) = document().query_selector_all(".when") else { return };
        for moment in (0..moments.length()).filter_map(|n| moments.item(n)) {
            let moment: web_sys::Element = moment.unchecked_into();
            let at = moment.get_attribute("datetime").map_or(f64::NAN, |at| js_sys::Date::parse(&at));
            let how = Moment::ALL.into_iter().find(|how| moment.class_name() == how.class());
            let (Some(how), Some(words), false) = (how, moment.first_child(), at.is_nan()) else { continue };
            let at = Millis(at as i64);
            let now = how.words(self, at);
            if words.node_value().as_deref() != Some(&*now) {
                words.set_node_value(Some(&now));
            }
            if !moment.has_attribute("data-at") {
                let _ = moment.set_attribute("data-at", &self.local(at, How::Whole).unwrap_or_default());
            }
        }
    }

    /// Whether days are the reader's; until the page is awake they are UTC's, as the server has painted them. Tracked
    /// until then: it never goes back, and a signal remembers whoever has read it until it is set again.
    #[must_use]
    pub fn is_local(self) -> bool {
        self.local.try_get_untracked() == Some(true) || self.local.try_get().unwrap_or_default()
    }

    /// The day of a moment, in days since 1970.
    #[must_use]
    pub fn day(self, at: Millis) -> i64 {
        #[cfg(feature = "hydrate")]
        if self.local.try_get_untracked().unwrap_or_default() {
            let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at.0 as f64));
            return at.plus(-60_000 * date.get_timezone_offset() as i64).day();
        }
        at.day()
    }

    /// A moment in the reader's zone and language; until the page is awake nothing is known of both. Tracked.
    #[must_use]
    pub fn local(self, at: Millis, how: How) -> Option<String> {
        #[cfg(feature = "hydrate")]
        if self.is_local() {
            return how.write(at);
        }
        let _ = (at, how);
        None
    }

    /// The time of day of a moment: the reader's, or UTC's and called so. Tracked.
    #[must_use]
    pub fn time(self, at: Millis, how: How) -> String {
        self.local(at, how).unwrap_or_else(|| {
            let Utc { hour, minute, second, .. } = at.utc();
            let second = if how == How::Second { format!(":{second:02}") } else { String::new() };
            format!("{hour:02}:{minute:02}{second} UTC")
        })
    }

    /// Now, tracked.
    #[must_use]
    pub fn now(self) -> Millis {
        Millis(self.now.get())
    }

    fn peek(self) -> Millis {
        Millis(self.now.get_untracked())
    }
}

/// How much of a moment is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Day and time.
    Whole,
    /// The time of day.
    Time,
    /// The same with seconds.
    Second,
}

#[cfg(feature = "hydrate")]
impl How {
    /// By the browser's own writer, which is made once: a board has hundreds of moments, and to make one takes longer
    /// than to write with it a hundred times.
    fn write(self, at: Millis) -> Option<String> {
        use js_sys::{Array, Function, Intl, JSON, Object};
        use wasm_bindgen::{JsCast, JsValue};

        thread_local! {
            static WRITERS: [std::cell::OnceCell<Function>; 3] = const { [const { std::cell::OnceCell::new() }; 3] };
        }
        let options = match self {
            Self::Whole => {
                r#"{"year":"numeric","month":"numeric","day":"numeric","hour":"numeric","minute":"numeric","second":"numeric"}"#
            }
            Self::Time => r#"{"timeStyle":"short"}"#,
            Self::Second => r#"{"timeStyle":"medium"}"#,
        };
        WRITERS.with(|writers| {
            let writer = writers[self as usize].get_or_init(|| {
                let options = JSON::parse(options).unwrap_or_else(|_| Object::new().into());
                Intl::DateTimeFormat::new(&Array::new(), options.unchecked_ref()).format()
            });
            writer.call1(&JsValue::UNDEFINED, &JsValue::from_f64(at.0 as f64)).ok()?.as_string()
        })
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// The clock of this page.
#[must_use]
pub fn use_clock() -> Clock {
    expect_context::<Clock>()
}

/// How a moment stands on the page. Its words follow the clock ([`Clock::start`]).
#[derive(Clone, Copy)]
enum Moment {
    /// `6 m`
    Age,
    /// `6 minutes ago`
    Long,
    /// The time of day.
    Time,
}

impl Moment {
    #[cfg(feature = "hydrate")]
    const ALL: [Self; 3] = [Self::Age, Self::Long, Self::Time];

    const fn class(self) -> &'static str {
        match self {
            Self::Age => "when",
            Self::Long => "when long",
            Self::Time => "when said",
        }
    }

    fn words(self, clock: Clock, at: Millis) -> String {
        let age = clock.peek().since(at);
        match self {
            Self::Age => age_short(age),
            Self::Long => age_long(age),
            Self::Time => untrack(|| clock.time(at, How::Time)),
        }
    }

    /// With the moment itself, once the page is awake: screen readers say it, and it shows where the pointer or the
    /// focus is (`style/_parts.scss`).
    fn view(self, at: Millis) -> AnyView {
        let clock = use_clock();
        let whole = untrack(|| clock.local(at, How::Whole));
        view! { <time class=self.class() datetime=rfc3339(at) data-at=whole>{self.words(clock, at)}</time> }.into_any()
    }
}

/// An age in words: `now`, `6 m`, `2 h`, `3 d`, `5 w`.
#[component]
pub fn Ago(
    /// The moment.
    at: Millis,
    /// Writes "6 minutes ago" rather than "6 m", with the moment beside it.
    #[prop(optional)]
    long: bool,
) -> impl IntoView {
    if long { Moment::Long } else { Moment::Age }.view(at)
}

/// When something was said, by the clock: the day stands above it.
#[component]
pub fn SaidAt(
    /// The moment.
    at: Millis,
) -> impl IntoView {
    Moment::Time.view(at)
}

/// What [`Ago`] says of a moment now.
#[cfg(feature = "ssr")]
#[must_use]
pub fn age(at: Millis) -> String {
    age_short(use_clock().now().since(at))
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn unit(age: i64) -> Option<(i64, &'static str, &'static str)> {
    match age {
        ..MINUTE => None,
        MINUTE..HOUR => Some((age / MINUTE, "m", "minute")),
        HOUR..DAY => Some((age / HOUR, "h", "hour")),
        a if a < 14 * DAY => Some((age / DAY, "d", "day")),
        _ => Some((age / (7 * DAY), "w", "week")),
    }
}

fn age_short(age: i64) -> String {
    unit(age).map_or_else(|| "now".into(), |(n, short, _)| format!("{n} {short}"))
}

fn age_long(age: i64) -> String {
    unit(age)
        .map_or_else(|| "just now".into(), |(n, _, word)| format!("{n} {word}{} ago", if n == 1 { "" } else { "s" }))
}

/// A span in words: `8 s`, `2 min`, `1 h 5 min`.
#[must_use]
pub fn duration(ms: i64) -> String {
    match ms {
        ..MINUTE => format!("{} s", ms / 1000),
        MINUTE..HOUR => format!("{} min", ms / MINUTE),
        _ => format!("{} h {} min", ms / HOUR, ms % HOUR / MINUTE),
    }
}

/// `2026-11-22T09:15:58Z`.
fn rfc3339(at: Millis) -> String {
    let Utc { year, month, day, hour, minute, second } = at.utc();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_795_338_958_000, "2026-11-22T09:15:58Z"),
            (-1000, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(Millis(ms)), text);
        }
    }

    #[test]
    fn ages_are_short_and_honest() {
        for (age, short, long) in [
            (0, "now", "just now"),
            (59_999, "now", "just now"),
            (60_000, "1 m", "1 minute ago"),
            (2 * HOUR + 1, "2 h", "2 hours ago"),
            (13 * DAY, "13 d", "13 days ago"),
            (15 * DAY, "2 w", "2 weeks ago"),
        ] {
            assert_eq!((age_short(age).as_str(), age_long(age).as_str()), (short, long));
        }
    }
}
