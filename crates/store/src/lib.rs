//! store of OpenClutch.
