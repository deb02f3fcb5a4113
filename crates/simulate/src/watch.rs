//! Panics, which a runtime would keep to itself.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

static ONCE: Once = Once::new();

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// From now on panics of this thread are remembered.
pub(crate) fn begin() {
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let kept = PANICS.try_with(|panics| panics.borrow_mut().push(info.to_string()));
            if kept.is_err() {
                before(info);
            }
        }));
    });
    drop(panics());
}

/// The panics of this thread since it was asked last.
pub(crate) fn panics() -> Vec<String> {
    PANICS.try_with(RefCell::take).unwrap_or_default()
}
