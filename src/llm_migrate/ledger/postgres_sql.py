"""The statements of the books in PostgreSQL. Each decides for itself, so that a batch of them is one round trip.

All tables carry a prefix, since the database may well be somebody else's, too. Offers have rows of their own to be
locked by: a lock on balances would not keep others from adding one that counts in the same rolling window.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1

# Under this number one process at a time makes the tables.
MAKING: Final = "SELECT pg_advisory_xact_lock(5500747361)"
# Asked of the table of tables, since the functions that look up a name go by a cache until a transaction ends.
IS_THERE: Final = """
SELECT EXISTS (
    SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'llm_migrate_version' AND n.nspname = ANY(current_schemas(false))
)
"""
GET_VERSION: Final = "SELECT version FROM llm_migrate_version"
SET_VERSION: Final = "INSERT INTO llm_migrate_version VALUES (1, %s)"

SCHEMA: Final = (
    "CREATE TABLE llm_migrate_version (one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL)",
    'CREATE TABLE llm_migrate_offers (offer text COLLATE "C" PRIMARY KEY) WITH (fillfactor = 50)',
    """CREATE TABLE llm_migrate_balances (
        offer text COLLATE "C" NOT NULL,
        bucket bigint NOT NULL,
        spent bigint NOT NULL DEFAULT 0,
        reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
        unresolved bigint NOT NULL DEFAULT 0 CHECK (unresolved >= 0),
        overrun bigint NOT NULL DEFAULT 0 CHECK (overrun >= 0),
        PRIMARY KEY (offer, bucket)
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE llm_migrate_reservations (
        request text COLLATE "C" NOT NULL,
        attempt bigint NOT NULL,
        offer text COLLATE "C" NOT NULL,
        bucket bigint NOT NULL,
        amount bigint NOT NULL CHECK (amount >= 0),
        estimate bigint NOT NULL CHECK (estimate >= 0),
        state text NOT NULL
            CHECK (state IN ('held', 'sent', 'unresolved', 'settled', 'void', 'lapsed', 'written_off')),
        owner text NOT NULL,
        lease_until bigint NOT NULL,
        since bigint NOT NULL,
        mark text NOT NULL DEFAULT '' CHECK (mark IN ('', 'cut', 'cancelled')),
        model text NOT NULL,
        settled bigint CHECK ((settled IS NULL) = (state <> 'settled')),
        PRIMARY KEY (request, attempt)
    )""",
    """CREATE INDEX llm_migrate_open_reservations ON llm_migrate_reservations (state)
        WHERE state IN ('held', 'sent', 'unresolved')""",
    """CREATE TABLE llm_migrate_entries (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN ('settle', 'adjust')),
        request text COLLATE "C" NOT NULL,
        attempt bigint NOT NULL,
        offer text COLLATE "C" NOT NULL,
        bucket bigint NOT NULL,
        amount bigint NOT NULL CHECK (amount >= 0 OR kind = 'adjust'),
        overrun bigint NOT NULL CHECK (overrun >= 0),
        basis text NOT NULL CHECK (basis IN ('vendor', 'estimate', 'assumed', 'bill')),
        mark text NOT NULL CHECK (mark IN ('', 'cut', 'cancelled')),
        model text NOT NULL,
        at bigint NOT NULL
    )""",
    "CREATE UNIQUE INDEX llm_migrate_adjustments ON llm_migrate_entries (request) WHERE kind = 'adjust'",
    """CREATE TABLE llm_migrate_warnings (
        offer text COLLATE "C", bucket bigint, percent bigint, at bigint NOT NULL, told text NOT NULL,
        PRIMARY KEY (offer, bucket, percent)
    )""",
    'CREATE TABLE llm_migrate_activations (offer text COLLATE "C" PRIMARY KEY, at bigint NOT NULL)',
    """CREATE TABLE llm_migrate_corrections (
        model text COLLATE "C" PRIMARY KEY, value bigint NOT NULL, count bigint NOT NULL
    )""",
    """CREATE TABLE llm_migrate_clock (one integer PRIMARY KEY CHECK (one = 1), seen bigint NOT NULL)
        WITH (fillfactor = 50)""",
    "INSERT INTO llm_migrate_clock VALUES (1, 0)",
)
KEEPING: Final = (
    """CREATE FUNCTION llm_migrate_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'entries are never changed or removed'; END $$""",
    """CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE ON llm_migrate_entries
        FOR EACH ROW EXECUTE FUNCTION llm_migrate_refuse()""",
    """CREATE TRIGGER all_entries_stay BEFORE TRUNCATE ON llm_migrate_entries
        FOR EACH STATEMENT EXECUTE FUNCTION llm_migrate_refuse()""",
)

KNOW: Final = "INSERT INTO llm_migrate_offers SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
LOCK: Final = """
SELECT 1 FROM llm_migrate_offers
WHERE offer = ANY(%(offers)s) OR offer IN (
    SELECT r.offer FROM llm_migrate_reservations r
    JOIN unnest(%(requests)s::text[], %(attempts)s::bigint[]) AS said (request, attempt)
        ON r.request = said.request AND r.attempt = said.attempt
)
ORDER BY offer FOR UPDATE
"""
LOCK_ALL: Final = "SELECT 1 FROM llm_migrate_offers ORDER BY offer FOR UPDATE"

_INSTANT: Final = "SELECT greatest(%(now)s, seen - %(back)s) AS now FROM llm_migrate_clock"

RESERVE: Final = f"""
WITH instant AS ({_INSTANT}),
made AS (
    SELECT offer, bucket, amount FROM llm_migrate_reservations
    WHERE request = %(request)s AND attempt = %(attempt)s
),
wants AS (
    SELECT w.*, CASE WHEN w.most IS NULL THEN 9223372036854775807 ELSE greatest(0, w.most - (
        SELECT coalesce(sum(b.spent + b.reserved + b.unresolved), 0) FROM llm_migrate_balances b
        WHERE b.offer = w.offer AND b.bucket BETWEEN w.first AND w.last
    )) END AS room
    FROM unnest(
        %(offers)s::text[], %(ranks)s::bigint[], %(ends)s::bigint[], %(firsts)s::bigint[], %(lasts)s::bigint[],
        %(buckets)s::bigint[], %(limits)s::bigint[], %(amounts)s::bigint[], %(leasts)s::bigint[],
        %(estimates)s::bigint[]
    ) AS w (offer, rank, ends_at, first, last, bucket, most, amount, enough, estimate), instant
    WHERE instant.now < w.ends_at AND NOT EXISTS (SELECT 1 FROM made)
),
chosen AS (
    SELECT offer, bucket, least(amount, room)::bigint AS granted, estimate FROM wants
    WHERE amount <= room OR enough <= room
    ORDER BY amount > room, rank, ends_at, room, offer COLLATE "C"
    LIMIT 1
),
held AS (
    INSERT INTO llm_migrate_balances AS b (offer, bucket, reserved) SELECT offer, bucket, granted FROM chosen
    ON CONFLICT (offer, bucket) DO UPDATE SET reserved = b.reserved + excluded.reserved
),
noted AS (
    INSERT INTO llm_migrate_reservations
        (request, attempt, offer, bucket, amount, estimate, state, owner, lease_until, since, model)
    SELECT %(request)s, %(attempt)s, offer, bucket, granted, least(estimate, granted), %(state)s, %(owner)s,
        %(lease_until)s, instant.now, %(model)s
    FROM chosen, instant
    RETURNING offer, bucket, amount
)
SELECT offer, bucket, amount FROM made UNION ALL SELECT offer, bucket, amount FROM noted
"""

_UNRESOLVED: Final = """
    CASE WHEN m.state = 'unresolved' THEN m.amount ELSE 0 END - CASE WHEN m.was = 'unresolved' THEN m.amount ELSE 0 END
"""
_RESERVED: Final = "CASE WHEN m.was IN ('held', 'sent') THEN m.amount ELSE 0 END"

STEP: Final = f"""
WITH instant AS ({_INSTANT}),
held AS (
    SELECT request, attempt, offer, bucket, state, settled FROM llm_migrate_reservations
    WHERE request = %(request)s AND attempt = %(attempt)s
),
m AS (
    UPDATE llm_migrate_reservations r SET state = %(after)s, since = instant.now, settled = %(amount)s,
        mark = CASE WHEN %(after)s = 'unresolved' THEN %(mark)s ELSE r.mark END
    FROM held, instant
    WHERE r.request = held.request AND r.attempt = held.attempt AND held.state = ANY(%(before)s)
    RETURNING r.*, held.state AS was
),
booked AS (
    INSERT INTO llm_migrate_entries
        (kind, request, attempt, offer, bucket, amount, overrun, basis, mark, model, at)
    SELECT 'settle', request, attempt, offer, bucket, settled, greatest(0, settled - amount), %(basis)s,
        CASE WHEN %(mark)s = '' THEN mark ELSE %(mark)s END, model, since
    FROM m WHERE state = 'settled'
),
moved AS (
    UPDATE llm_migrate_balances b SET
        spent = b.spent + coalesce(m.settled, 0),
        reserved = b.reserved - {_RESERVED},
        unresolved = b.unresolved + {_UNRESOLVED},
        overrun = b.overrun + greatest(0, m.settled - m.amount)
    FROM m WHERE b.offer = m.offer AND b.bucket = m.bucket AND m.state <> 'sent'
    RETURNING b.spent + b.unresolved AS counts, coalesce(m.settled, 0) + {_UNRESOLVED} AS more
)
SELECT held.state, held.settled, held.offer, held.bucket, EXISTS (SELECT 1 FROM m), moved.counts, moved.more
FROM held LEFT JOIN moved ON true
"""

SWEEP: Final = f"""
WITH instant AS ({_INSTANT}),
due AS (
    SELECT request, attempt, state, estimate, CASE state
        WHEN 'held' THEN 'lapsed' WHEN 'sent' THEN 'unresolved' ELSE 'settled' END AS becomes
    FROM llm_migrate_reservations, instant
    WHERE state IN ('held', 'sent', 'unresolved') AND CASE state
        WHEN 'unresolved' THEN since + %(unresolved)s <= instant.now
        ELSE lease_until <= instant.now OR owner = ANY(%(gone)s) END
    ORDER BY since, request, attempt
),
m AS (
    UPDATE llm_migrate_reservations r SET state = due.becomes, since = instant.now,
        settled = CASE WHEN due.becomes = 'settled' THEN due.estimate END
    FROM due, instant
    WHERE r.request = due.request AND r.attempt = due.attempt AND r.state = due.state
    RETURNING r.*, due.state AS was
),
booked AS (
    INSERT INTO llm_migrate_entries
        (kind, request, attempt, offer, bucket, amount, overrun, basis, mark, model, at)
    SELECT 'settle', request, attempt, offer, bucket, settled, 0, 'assumed', mark, model, since
    FROM m WHERE state = 'settled' ORDER BY request, attempt
),
sums AS (
    SELECT offer, bucket, sum(coalesce(settled, 0))::bigint AS spent, sum({_RESERVED})::bigint AS reserved,
        sum({_UNRESOLVED})::bigint AS unresolved
    FROM m GROUP BY offer, bucket
),
moved AS (
    UPDATE llm_migrate_balances b SET spent = b.spent + sums.spent, reserved = b.reserved - sums.reserved,
        unresolved = b.unresolved + sums.unresolved
    FROM sums WHERE b.offer = sums.offer AND b.bucket = sums.bucket
)
SELECT count(*) FILTER (WHERE state = 'lapsed'), count(*) FILTER (WHERE state = 'unresolved'),
    count(*) FILTER (WHERE state = 'settled') FROM m
"""

ADJUST: Final = f"""
WITH instant AS ({_INSTANT}),
booked AS (
    INSERT INTO llm_migrate_entries (kind, request, attempt, offer, bucket, amount, overrun, basis, mark, model, at)
    SELECT 'adjust', %(reference)s, 0, %(offer)s, %(bucket)s, %(amount)s, 0, 'bill', '', '', instant.now FROM instant
    ON CONFLICT (request) WHERE kind = 'adjust' DO NOTHING
    RETURNING offer, bucket, amount
)
INSERT INTO llm_migrate_balances AS b (offer, bucket, spent) SELECT offer, bucket, amount FROM booked
ON CONFLICT (offer, bucket) DO UPDATE SET spent = b.spent + excluded.spent
RETURNING b.spent + b.unresolved
"""

EXTEND: Final = """
UPDATE llm_migrate_reservations SET lease_until = %(until)s
WHERE state IN ('held', 'sent') AND owner = %(owner)s AND lease_until < %(until)s AND since >= %(since)s
"""
# A batch that is repeated because nobody knows whether it was committed is told again that it is the one to tell.
WARN: Final = f"""
WITH instant AS ({_INSTANT}),
first AS (
    INSERT INTO llm_migrate_warnings
    SELECT %(offer)s, %(bucket)s, %(percent)s, instant.now, %(told)s FROM instant
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT EXISTS (SELECT 1 FROM first) OR EXISTS (
    SELECT 1 FROM llm_migrate_warnings
    WHERE offer = %(offer)s AND bucket = %(bucket)s AND percent = %(percent)s AND told = %(told)s
)
"""
ACTIVATE: Final = """
INSERT INTO llm_migrate_activations AS a VALUES (%(offer)s, %(at)s)
ON CONFLICT (offer) DO UPDATE SET at = excluded.at WHERE a.at <> excluded.at
"""
CORRECT: Final = """
INSERT INTO llm_migrate_corrections AS c VALUES (%(model)s, %(value)s, %(count)s)
ON CONFLICT (model) DO UPDATE SET value = excluded.value, count = excluded.count
WHERE c.value <> excluded.value OR c.count <> excluded.count
"""
# So coarsely the latest instant is written down.
SEE: Final = "UPDATE llm_migrate_clock SET seen = %(latest)s WHERE seen + 500 < %(latest)s"

GET_BALANCES: Final = """
SELECT offer, bucket, spent, reserved, unresolved, overrun FROM llm_migrate_balances ORDER BY offer, bucket
"""
GET_ENTRIES: Final = """
SELECT number, kind, request, attempt, offer, bucket, amount, overrun, basis, mark, model, at FROM llm_migrate_entries
WHERE number > %(after)s AND at >= %(since)s AND (%(offer)s::text IS NULL OR offer = %(offer)s) ORDER BY number
"""
GET_OPEN: Final = """
SELECT request, attempt, offer, bucket, amount, estimate, state, owner, lease_until, since, mark, model
FROM llm_migrate_reservations
WHERE state IN ('held', 'sent', 'unresolved') AND (%(offer)s::text IS NULL OR offer = %(offer)s)
ORDER BY since, request, attempt
"""
GET_ACTIVATIONS: Final = "SELECT offer, at FROM llm_migrate_activations"
GET_CORRECTIONS: Final = "SELECT model, value, count FROM llm_migrate_corrections"
GET_SEEN: Final = "SELECT seen FROM llm_migrate_clock"
