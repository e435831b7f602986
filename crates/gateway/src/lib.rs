//! gateway of OpenClutch.
