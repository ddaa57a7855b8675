//! One leader per group: `campaign` runs the election of one instance, `seat` is the record it is
//! about, in its bucket, `tell` what others hear of it.

mod campaign;
mod seat;
mod tell;

pub(crate) use campaign::{Campaign, Candidacy, Candidate};
pub(crate) use seat::{LEADERS, Seat, Seats};
