//! Any bytes as a document.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    doorward_core::intake::extract::parse_document(bytes);
});
