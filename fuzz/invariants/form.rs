//! What must hold for any bytes taken for a form. Run by the unit tests of `protocol::form` and by the fuzz target of the
//! same name.

use crate::protocol::form::fields;

/// The type of the forms; short, so that chance finds the boundary.
pub const TYPE: &str = "multipart/form-data; boundary=x";

/// Places lie within the body, in order and apart, and a longer body does not move them.
pub fn check(body: &[u8]) {
    let Some(found) = fields(TYPE, body) else {
        return;
    };
    let mut end = 0;
    for (_, at) in &found {
        assert!(end <= at.start && at.start <= at.end && at.end <= body.len());
        end = at.end;
    }
    let longer = [body, b"more"].concat();
    let again = fields(TYPE, &longer).expect("it still begins as a form");
    assert_eq!(found, again[..found.len()]);
}
