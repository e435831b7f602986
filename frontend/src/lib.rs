//! Hydrates the app.
