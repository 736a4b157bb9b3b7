//! The JSON block inside the page: the numbers behind its drawings.

use serde::Serialize;

use crate::run::Run;

/// Id of the page's `script` element of type `application/json`.
pub const DATA_ID: &str = "flexmac-data";

#[derive(Serialize)]
struct Data<'a> {
    flexmac: &'static str,
    runs: &'a [Run],
}

/// The JSON text. Every `<` is escaped, so that no text in it can end the `script` element or begin
/// a comment.
pub(crate) fn data(runs: &[Run]) -> String {
    let data = Data { flexmac: env!("CARGO_PKG_VERSION"), runs };
    let text = serde_json::to_string(&data).expect("keys are strings and numbers finite");
    text.replace('<', "\\u003c")
}
