//! The pages of log-in, and of what opens the house: plain forms, made here, which need nothing of ours but themselves.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use ring::rand::{SecureRandom, SystemRandom};

use crate::http::door::escaped;

/// In the look of the app (`style/_tokens.scss`), light and dark.
const STYLE: &str = "\
:root{color-scheme:light dark;--s0:light-dark(oklch(97.4% .004 255),oklch(16% .011 262));\
--s1:light-dark(oklch(100% 0 0),oklch(19.6% .013 262));--line:light-dark(oklch(90% .008 255),oklch(27% .016 262));\
--field:light-dark(oklch(62% .014 255),oklch(54% .02 262));--t1:light-dark(oklch(23% .022 262),oklch(95.5% .006 262));\
--t2:light-dark(oklch(40% .02 260),oklch(80% .012 262));--accent:light-dark(oklch(51% .19 266),oklch(74% .125 264));\
--ink:light-dark(oklch(100% 0 0),oklch(17% .04 264));--bad:light-dark(oklch(51% .19 26),oklch(75% .13 24));\
--bad-bg:light-dark(oklch(96.5% .02 25),oklch(26% .05 22))}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:var(--s0);color:var(--t1);\
font:16px/1.5 Inter,'Segoe UI',system-ui,-apple-system,'Helvetica Neue',sans-serif}\
main{width:100%;max-width:23rem;background:var(--s1);border:1px solid var(--line);border-radius:14px;padding:1.75rem}\
h1{font-size:1.25rem;line-height:1.3;margin:0 0 1.25rem}\
p{margin:0 0 1rem;color:var(--t2)}\
label{display:block;font-weight:600;margin:0 0 .375rem}form input+label{margin-top:1rem}\
input{width:100%;font:inherit;color:inherit;background:var(--s0);border:1px solid var(--field);border-radius:6px;padding:.5rem .625rem;min-height:44px}\
button{width:100%;font:inherit;font-weight:600;color:var(--ink);background:var(--accent);border:0;border-radius:6px;\
min-height:44px;margin-top:1rem;cursor:pointer}\
:is(input,button,a):focus-visible{outline:2px solid var(--accent);outline-offset:2px}\
.bad{color:var(--bad);background:var(--bad-bg);border-radius:6px;padding:.5rem .75rem}\
.there{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\
a{color:var(--accent)}\
.wide{max-width:46rem;align-self:start}\
h2{font-size:1.0625rem;margin:1.75rem 0 .5rem}h3{font-size:1rem;margin:1.25rem 0 .75rem}\
ul{list-style:none;margin:0;padding:0}\
li{display:flex;flex-wrap:wrap;gap:.5rem 1rem;justify-content:space-between;border-top:1px solid var(--line);padding:.625rem 0;overflow-wrap:anywhere}\
li>div{flex:1 1 20rem}small{color:var(--t2);display:block}\
code{font-family:ui-monospace,monospace}\
select{width:100%;font:inherit;color:inherit;background:var(--s0);border:1px solid var(--field);border-radius:6px;min-height:44px;padding:.5rem .625rem}\
.new label{margin-top:.75rem}.made{border:1px solid var(--accent);border-radius:10px;padding:1rem}\
summary{cursor:pointer;color:var(--bad);min-height:24px}summary:focus-visible,select:focus-visible{outline:2px solid var(--accent);outline-offset:2px}\
details button{background:var(--bad);color:var(--s0)}\
.calm summary{color:inherit}.calm button{background:var(--accent);color:var(--ink)}\
fieldset{border:1px solid var(--line);border-radius:10px;margin:.75rem 0;padding:.25rem .875rem .75rem;min-width:0}legend{font-weight:600;padding:0 .25rem}\
input:is([type=checkbox],[type=radio]){width:1.125rem;height:1.125rem;min-height:0;margin:.1875rem 0 0;flex:none;accent-color:var(--accent)}\
.new label.check,label.check{display:flex;gap:.625rem;align-items:flex-start;font-weight:400;margin:0;padding:.375rem 0;min-height:24px}\
.check span{min-width:0;overflow-wrap:anywhere}.check code{color:var(--t2);font-size:.875em}\
.row{display:flex;flex-wrap:wrap;gap:.75rem;margin:0 0 1rem}button.small{width:auto;margin:0;padding:0 1rem}\
.address{overflow-wrap:anywhere;color:var(--t1);font-weight:600}span.bad{padding:0 .375rem}p.made{padding:.625rem .875rem;color:var(--t1)}.made{margin-bottom:1rem}form.new+p{margin-top:1rem}\
pre{margin:.25rem 0 .5rem;padding:.625rem;max-height:14rem;overflow:auto;background:var(--s0);border-radius:6px;font:.875rem/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}\
.api summary{color:inherit;padding:.375rem 0;overflow-wrap:anywhere}.api li>div{flex-basis:14rem}.api li small{display:inline}";

/// A word that a page's policy names, and nobody can guess.
pub fn nonce() -> String {
    let mut bytes = [0_u8; 16];
    // Without random numbers the page comes without its style: no policy is loosened for it.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The form that asks for the password, and for a name where one is given to begin with, with what was wrong, if anything
/// was.
pub fn log_in(status: StatusCode, name: Option<&str>, next: &str, wrong: Option<&str>, nonce: &str) -> Response {
    let said = wrong.map_or_else(String::new, |wrong| {
        format!("<p class=\"bad\" id=\"wrong\" role=\"alert\">{}</p>", escaped(wrong))
    });
    let described = if wrong.is_some() { " aria-invalid=\"true\" aria-describedby=\"wrong\"" } else { "" };
    let (who, focus) = match name {
        // Who keeps passwords in the browser wants a name beside them.
        None => (
            "<input class=\"there\" type=\"text\" name=\"username\" value=\"owner\" autocomplete=\"username\" \
             tabindex=\"-1\" aria-hidden=\"true\" readonly>"
                .to_owned(),
            " autofocus",
        ),
        Some(name) => {
            let (here, there) = if name.is_empty() { (" autofocus", "") } else { ("", " autofocus") };
            let name = escaped(name);
            let field = format!(
                "<label for=\"username\">Name</label><input id=\"username\" name=\"username\" value=\"{name}\" \
                 autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required{here}{described}>"
            );
            (field, there)
        }
    };
    let form = format!(
        "<h1>Log in to OpenClutch</h1>{said}\
         <form method=\"post\" action=\"/login\">\
         <input type=\"hidden\" name=\"next\" value=\"{next}\">\
         {who}\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required\
         {focus}{described}>\
         <button type=\"submit\">Log in</button></form>",
        next = escaped(next),
    );
    page(status, "Log in", &form, nonce, None)
}

/// The form that logs out.
pub fn log_out(nonce: &str) -> Response {
    let form = "<h1>Log out of OpenClutch?</h1><form method=\"post\" action=\"/logout\">\
                <button type=\"submit\" autofocus>Log out</button></form><p></p><p><a href=\"/\">Back to the board</a></p>";
    page(StatusCode::OK, "Log out", form, nonce, None)
}

/// A page that has more to show than one form, and a script of its own.
pub struct Wide;

/// A page of plain forms.
pub fn page(status: StatusCode, title: &str, inner: &str, nonce: &str, wide: Option<Wide>) -> Response {
    let (class, scripts) = match wide {
        None => ("", String::new()),
        Some(Wide) => (" class=\"wide\"", format!(" script-src 'nonce-{nonce}';")),
    };
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"theme-color\" media=\"(prefers-color-scheme: light)\" content=\"#f6f7f9\">\
         <meta name=\"theme-color\" media=\"(prefers-color-scheme: dark)\" content=\"#0c0f14\">\
         <title>{title} \u{b7} OpenClutch</title><link rel=\"icon\" href=\"/favicon.svg\">\
         <style nonce=\"{nonce}\">{STYLE}</style></head><body><main{class}>{inner}</main></body></html>"
    );
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}';{scripts} img-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // It says what was wrong once, and is nobody's to keep.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
