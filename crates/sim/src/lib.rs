//! sim of OpenClutch.
