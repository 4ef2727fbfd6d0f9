//! RTCP: reports, feedback, farewells.
