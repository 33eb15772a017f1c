//! What is decided on what stands is written down only while that still stands; else it is decided anew.

use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::ledger::event::LedgerEvent;

/// How often something is decided that others overtake, before whoever asked for it is to try again.
const ATTEMPTS: u32 = 20;

/// Writes down what `look` makes of what stands, as of that; says what it says.
pub(in crate::flow) async fn decide<T, E: From<StoreError>>(
    app: &App,
    mut look: impl FnMut() -> Result<(Vec<LedgerEvent>, T), E>,
) -> Result<T, E> {
    let mut attempt = 1;
    loop {
        // Taken first: whatever `look` sees is no older.
        let as_of = app.ledger.as_of();
        let (what, done) = look()?;
        if what.is_empty() {
            return Ok(done);
        }
        match app.ledger.append_as_of(app.clock.now(), as_of, what).await {
            Ok(()) => return Ok(done),
            Err(StoreError::Conflict) if attempt < ATTEMPTS => app.ledger.follow().await?,
            Err(error) => return Err(error.into()),
        }
        attempt += 1;
    }
}
