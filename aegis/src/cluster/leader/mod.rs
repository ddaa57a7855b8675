//! One leader per group: `campaign` runs the election of one instance, `seat` is the record it is
//! about, in its bucket.

mod campaign;
mod seat;

pub(crate) use campaign::{Campaign, Candidacy, Candidate};
pub(crate) use seat::{LEADERS, Seat, Seats};
