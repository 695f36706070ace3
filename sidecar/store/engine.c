/*
 * LMDB as an engine: the table of its functions.
 */

#include "state.h"

const struct sc_engine sc_engine_lmdb = {
    .name = "lmdb",
    .open = sc_lmdb_open,
    .close = sc_lmdb_close,
    .salt_secret = sc_lmdb_salt_secret,
    .apply = sc_lmdb_apply,
    .wants = sc_lmdb_wants,
    .customer = sc_lmdb_customer,
    .limits = sc_lmdb_limits,
    .customers = sc_lmdb_customers,
    .account = sc_lmdb_account,
    .wrap = sc_lmdb_wrap,
    .roster = sc_lmdb_roster,
    .roster_by_id = sc_lmdb_roster_by_id,
    .session = sc_lmdb_session,
    .sessions = sc_lmdb_sessions,
    .spare = sc_lmdb_spare,
    .cursor = sc_lmdb_cursor,
    .read = sc_lmdb_read,
    .read_session = sc_lmdb_read_session,
    .history = sc_lmdb_history,
    .counters = sc_lmdb_counters,
    .sizes = sc_lmdb_sizes,
    .invitations = sc_lmdb_invitations,
    .backup = sc_lmdb_backup
};
