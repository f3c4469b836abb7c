//! Where a request's body names its model: in JSON or in a form.

use crate::form::Form;
use crate::name::Name;
use crate::scanner::Scanner;

/// The one that stands in the body.
#[derive(Clone)]
pub struct Found {
    /// What it says.
    pub name: Name,
    /// Bytes before it.
    pub first: usize,
    /// Bytes up to its end.
    pub end: usize,
}

/// What is wrong with a body, for the client.
pub type Wrong = &'static str;

/// Reads a body as it comes.
pub enum Finder {
    /// application/json, or anything that a client calls it.
    Json(Scanner),
    /// multipart/form-data.
    Form(Form),
}

impl Finder {
    /// The next bytes.
    pub fn feed(&mut self, piece: &[u8]) {
        match self {
            Finder::Json(scanner) => scanner.feed(piece),
            Finder::Form(form) => form.feed(piece),
        }
    }

    /// After the last byte.
    pub fn finish(&mut self) -> Result<Found, Wrong> {
        match self {
            Finder::Json(scanner) => scanner.finish(),
            Finder::Form(form) => form.finish(),
        }
    }

    /// Whether the body asks for a stream; of forms nobody knows.
    pub fn streams(&self) -> bool {
        match self {
            Finder::Json(scanner) => scanner.streams(),
            Finder::Form(_) => false,
        }
    }

    /// Where a member that asks for the usage of a stream may be put in.
    pub fn usage_place(&self) -> Option<usize> {
        match self {
            Finder::Json(scanner) => scanner.usage_place(),
            Finder::Form(_) => None,
        }
    }

    /// Where its prompt begins, and where the first message of a user in it ends (prefix.rs); a form has none.
    pub fn prompt(&self) -> (Option<usize>, Option<usize>) {
        match self {
            Finder::Json(scanner) => scanner.prompt(),
            Finder::Form(_) => (None, None),
        }
    }

    /// How many tokens it asks for (wish.rs): of a form, whose bytes are a sound, nothing is known.
    pub fn wish(&self) -> String {
        match self {
            Finder::Json(scanner) => scanner.wish(),
            Finder::Form(_) => "0 - 1 0".into(),
        }
    }

    /// Bytes so far.
    pub fn seen(&self) -> usize {
        match self {
            Finder::Json(scanner) => scanner.seen(),
            Finder::Form(form) => form.seen(),
        }
    }
}
