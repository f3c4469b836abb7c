//! The filter below HTTP: writes the end of a chunked body behind an event that a broken answer ends with.
//!
//! It rests on Envoy's order of calls: data that a filter sends pass the codec and this filter before the call returns.
//! `tests/envoy/native/test_end.py` holds it.

use super::{Buffer, Envoy, CONTINUE};
use std::cell::Cell;

/// RFC 9112 section 7.1
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

thread_local! {
    /// The next bytes that are written on this thread are the last of a body.
    static LAST: Cell<bool> = const { Cell::new(false) };
}

extern "C" {
    fn envoy_dynamic_module_callback_network_filter_append_write_buffer(connection: Envoy, data: Buffer) -> bool;
}

/// Runs `send`; a chunked body ends with what that writes.
pub fn last(chunked: bool, send: impl FnOnce()) {
    LAST.set(chunked);
    send();
    LAST.set(false);
}

/// A filter without a state, which is not null.
const STATELESS: *const u8 = b"tidegate".as_ptr();

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_config_new(_: Envoy, _: Buffer, _: Buffer) -> *const u8 {
    STATELESS
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_new(_: *const u8, _: Envoy) -> *const u8 {
    STATELESS
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_new_connection(_: Envoy, _: *const u8) -> u32 {
    CONTINUE
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_read(_: Envoy, _: *const u8, _: usize, _: bool) -> u32 {
    CONTINUE
}

#[no_mangle]
extern "C" fn envoy_dynamic_module_on_network_filter_write(
    connection: Envoy,
    _: *const u8,
    size: usize,
    _: bool,
) -> u32 {
    if size > 0 && LAST.take() {
        // SAFETY: Envoy gave the connection to this hook
        unsafe {
            envoy_dynamic_module_callback_network_filter_append_write_buffer(connection, Buffer::of(LAST_CHUNK));
        }
    }
    CONTINUE
}

super::hooks::unused! {
    envoy_dynamic_module_on_network_filter_config_destroy
    envoy_dynamic_module_on_network_filter_config_scheduled
    envoy_dynamic_module_on_network_filter_event
    envoy_dynamic_module_on_network_filter_destroy
    envoy_dynamic_module_on_network_filter_http_callout_done
    envoy_dynamic_module_on_network_filter_scheduled
    envoy_dynamic_module_on_network_filter_above_write_buffer_high_watermark
    envoy_dynamic_module_on_network_filter_below_write_buffer_low_watermark
}
