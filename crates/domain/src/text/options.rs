//! Answers that a question offers.

use super::{field::several, line};
use crate::refusal::Refusal;

/// Most answers that a question offers: one key answers.
pub const OPTIONS_MAX: usize = 9;
/// Longest such answer, in characters.
pub const OPTION_MAX: usize = 200;

/// Answers that a question offers: each once, at most [`OPTIONS_MAX`], each a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(Vec<String>);

impl Options {
    /// Cleans and checks each; blank ones are left out.
    pub fn parse<'a>(options: impl IntoIterator<Item = &'a str>) -> Result<Self, Refusal> {
        let option = |text: &str| {
            let text = line(text);
            let long = text.chars().count() > OPTION_MAX;
            if long { Err(Refusal::OptionsInvalid) } else { Ok(Some(text).filter(|text| !text.is_empty())) }
        };
        several(options, option, OPTIONS_MAX, Refusal::OptionsInvalid).map(Self)
    }

    /// The options.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}
