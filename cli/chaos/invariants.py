"""What must be so after every commit, as queries that find what is not.

Each is asked in one snapshot with all the others, so that no half of a step is seen. Names are those of the notes on
reliability: S stock, C credit, P payments, E effects, A journal and approvals, W processes. What has no counterpart
here: a ledger (P3; both sides of each payment are added up instead, P1) and documents in 1C (E2; letters are the only
effects, counted by what reached the mail server, `judge`).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cli.chaos.sight import Snapshot
from domain.grant_life import Origin
from domain.orders import ENDED

NAMED = 5
"""Findings of one query that are named; the rest is counted."""
_HOLDING = ("confirmed", "reserved", "part_reserved", "awaiting_payment", "ready", "picking")
_BEFORE_CREDIT = ("quoted", "checking", "awaiting_approval", "stopped")

ALWAYS: Mapping[str, str] = {
    "S1 обещано больше, чем есть": """
        SELECT warehouse || ' ' || sku FROM stock WHERE reserved < 0 OR picking < 0 OR reserved + picking > on_hand
    """,
    "S2 остаток не равен сумме резервов и движений": """
        WITH held AS (
               SELECT warehouse, sku, sum(quantity) FILTER (WHERE state = 'reserved') AS reserved,
                      sum(quantity) FILTER (WHERE state = 'picking') AS picking
                 FROM reservation_line GROUP BY warehouse, sku),
             moved AS (SELECT warehouse, sku, sum(quantity) AS on_hand FROM stock_movement GROUP BY warehouse, sku)
        SELECT concat_ws(' ', warehouse, sku)
          FROM stock FULL JOIN held USING (warehouse, sku) FULL JOIN moved USING (warehouse, sku)
         WHERE (coalesce(stock.on_hand, 0), coalesce(stock.reserved, 0), coalesce(stock.picking, 0))
            <> (coalesce(moved.on_hand, 0), coalesce(held.reserved, 0), coalesce(held.picking, 0))
    """,
    "S3 отгружено больше, чем заказано": """
        SELECT o.number || ' ' || gone.line_no
          FROM (SELECT shipment.order_id, line.line_no, sum(line.quantity) AS quantity FROM shipment_line line
                  JOIN shipment ON shipment.id = line.shipment_id GROUP BY shipment.order_id, line.line_no) gone
          JOIN sales_order o ON o.id = gone.order_id
         WHERE gone.quantity > coalesce((SELECT quantity FROM order_line line WHERE line.order_id = o.id
                                            AND line.line_no = gone.line_no AND line.revision = o.revision), 0)
    """,
    "S3 отгружено не то, что списано": """
        WITH gone AS (SELECT sku, sum(quantity) AS quantity FROM shipment_line GROUP BY sku),
             moved AS (SELECT sku, -sum(quantity) AS quantity FROM stock_movement WHERE kind = 'shipment' GROUP BY sku)
        SELECT sku FROM gone FULL JOIN moved USING (sku)
         WHERE coalesce(gone.quantity, 0) <> coalesce(moved.quantity, 0)
    """,
    "S3 законченный заказ держит товар": """
        SELECT DISTINCT o.number FROM reservation_line line JOIN sales_order o ON o.id = line.order_id
         WHERE line.state IN ('waiting', 'reserved', 'picking') AND o.status = ANY(%(ended)s)
    """,
    "C1 прошёл сам сверх лимита": """
        SELECT o.number || ' ' || d.occasion FROM credit_decision d JOIN sales_order o ON o.id = d.order_id
         WHERE d.rule = 'credit' AND d.outcome = 'auto' AND d.exposure > d.credit_limit
           AND CAST(d.facts ->> 'order_credit' AS numeric) > 0
    """,
    "C1 долг выше лимита и пределов, согласованных для живых заказов": """
        WITH owed AS (
               SELECT invoice.credit_account_id AS id, sum(line.residual) AS amount
                 FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id GROUP BY 1),
             paid AS (SELECT credit_account_id AS id, sum(unallocated) AS amount FROM payment GROUP BY 1),
             promised AS (
               SELECT c.credit_account_id AS id,
                      sum(greatest(0, c.uninvoiced - greatest(c.required_prepayment, coalesce((
                            SELECT sum(amount) FROM payment_allocation WHERE order_id = c.order_id), 0)))) AS amount
                 FROM commitment c GROUP BY 1),
             allowed AS (
               SELECT o.credit_account_id AS id, max(a.ceiling) AS amount
                 FROM approval a JOIN sales_order o ON o.id = a.order_id
                WHERE a.state = 'approved' AND (o.status <> ALL(%(ended)s) OR EXISTS (
                      SELECT 1 FROM invoice JOIN schedule_line line ON line.invoice_id = invoice.id
                       WHERE invoice.order_id = o.id AND line.residual > 0)) GROUP BY 1)
        SELECT account.id::text FROM credit_account account
          LEFT JOIN owed USING (id) LEFT JOIN paid USING (id) LEFT JOIN promised USING (id) LEFT JOIN allowed USING (id)
         WHERE coalesce(owed.amount, 0) - coalesce(paid.amount, 0) + coalesce(promised.amount, 0)
             > greatest(account.base_limit, coalesce(allowed.amount, 0))
           AND coalesce(promised.amount, 0) > 0
    """,
    "C2 обязательство есть не у того заказа": """
        SELECT o.number || ' ' || o.status FROM sales_order o LEFT JOIN commitment c ON c.order_id = o.id
         WHERE (o.status = ANY(%(holding)s) AND c.order_id IS NULL
                AND o.wait ->> 'reason' IS DISTINCT FROM 'late_payment')
            OR (o.status = ANY(%(idle)s) AND c.order_id IS NOT NULL)
    """,
    "C2 ждёт согласования без запроса": """
        SELECT o.number FROM sales_order o
         WHERE (o.status = 'awaiting_approval') <> EXISTS (
               SELECT 1 FROM approval a WHERE a.order_id = o.id AND a.state = 'open' AND a.revision = o.revision)
    """,
    "C3 лимит изменил один человек": f"""
        SELECT id::text FROM credit_grant
         WHERE reason <> '{Origin.FIRST}'  -- entered with the customer by who may
           AND (requested_by = decided_by OR (requested_by IS NOT NULL AND decided_by IS NULL AND state <> 'requested'))
    """,
    "C3 лимит не тот, что согласован": """
        SELECT account.id::text FROM credit_account account JOIN LATERAL (
               SELECT amount FROM credit_grant WHERE credit_account_id = account.id AND kind = 'base'
                  AND state = 'in_force' ORDER BY decided_at DESC, id DESC LIMIT 1) granted ON true
         WHERE account.base_limit <> granted.amount
    """,
    "P1 платёж не равен разнесённому и остатку": """
        SELECT payment.id::text FROM payment LEFT JOIN payment_allocation part ON part.payment_id = payment.id
         GROUP BY payment.id HAVING payment.amount <> payment.unallocated + coalesce(sum(part.amount), 0)
    """,
    "P1 остаток счёта не равен сумме за вычетом оплат": """
        SELECT invoice.number || ' ' || line.line_no
          FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
          LEFT JOIN payment_allocation part ON part.schedule_line_id = line.id
         WHERE invoice.kind = 'shipment' AND NOT EXISTS (SELECT 1 FROM credit_note WHERE invoice_id = invoice.id)
         GROUP BY invoice.number, line.id HAVING line.residual <> line.amount - coalesce(sum(part.amount), 0)
    """,
    "P1 долг по счёту не равен сумме за вычетом оплат и корректировок": """
        SELECT invoice.number FROM invoice
         WHERE invoice.kind = 'shipment'
           AND (SELECT sum(residual) FROM schedule_line WHERE invoice_id = invoice.id) <> invoice.gross
             - coalesce((SELECT sum(amount) FROM credit_note WHERE invoice_id = invoice.id), 0)
             - coalesce((SELECT sum(part.amount) FROM payment_allocation part
                           JOIN schedule_line line ON line.id = part.schedule_line_id
                          WHERE line.invoice_id = invoice.id), 0)
    """,
    "P1 строки графика не равны счёту": """
        SELECT invoice.number FROM invoice JOIN schedule_line line ON line.invoice_id = invoice.id
         GROUP BY invoice.id HAVING sum(line.amount) <> invoice.gross
    """,
    "P2 платёж записан дважды": """
        SELECT coalesce(external_id, identity) FROM payment GROUP BY 1 HAVING count(*) > 1
    """,
    "P2 отгрузка выставлена дважды": """
        SELECT shipment_id::text FROM invoice WHERE shipment_id IS NOT NULL GROUP BY shipment_id HAVING count(*) > 1
    """,
    "E1 то же письмо клиенту дважды": """
        SELECT min(key) FROM outbound WHERE audience = 'customer'
         GROUP BY channel, recipient, template, order_id, schedule_line_id, subject, body HAVING count(*) > 1
    """,
    "E1 ступень просрочки сообщена дважды": """
        SELECT min(key) FROM outbound WHERE schedule_line_id IS NOT NULL AND template LIKE 'dunning%%'
         GROUP BY channel, recipient, audience, template, schedule_line_id HAVING count(*) > 1
    """,
    "W4 событие раньше того, после чего бывает": """
        SELECT subject_id || ' ' || event FROM journal
          JOIN (VALUES ('credit_decided', 'quoted'), ('reserved', 'credit_decided'), ('picking_called', 'reserved'),
                       ('picking_started', 'reserved'), ('unpicked', 'picking_started'),
                       ('shipped', 'picking_started'), ('invoiced', 'shipped'), ('closed', 'invoiced'),
                       ('approved', 'credit_decided'), ('revised', 'revision_asked')) needs (event, after) USING (event)
         WHERE subject = 'order' AND NOT EXISTS (
               SELECT 1 FROM journal earlier WHERE earlier.subject = 'order' AND earlier.subject_id = journal.subject_id
                  AND earlier.event = needs.after AND earlier.id < journal.id)
    """,
    "W4 событие после конца заказа": """
        SELECT journal.subject_id || ' ' || journal.event
          FROM journal JOIN journal ended ON ended.subject = 'order' AND ended.subject_id = journal.subject_id
         WHERE journal.subject = 'order' AND ended.event = ANY(%(ended)s) AND ended.id < journal.id
           AND journal.event IN ('credit_decided', 'approved', 'revised', 'reserved', 'picking_called',
                                 'picking_started', 'unpicked', 'shipped', 'invoiced', 'closed', 'cancelled', 'expired')
    """,
    "A1 событие записано дважды": """
        SELECT concat_ws(' ', subject, subject_id, event, at) FROM journal
         GROUP BY subject, subject_id, event, actor_id, at, data HAVING count(*) > 1
    """,
    "A1 событие вне цепочки": """
        SELECT concat_ws(' ', subject, subject_id, event) FROM journal
         WHERE NOT EXISTS (SELECT 1 FROM journal_link WHERE journal_id = journal.id)
    """,
    "A1 конец заказа записан не один раз": """
        SELECT o.number || ' ' || o.status FROM sales_order o
         WHERE o.status IN ('closed', 'cancelled', 'expired') AND (
               SELECT count(*) FROM journal WHERE subject = 'order' AND subject_id = o.id::text
                  AND event = o.status) <> 1
    """,
    "A2 согласовал сам себе": """
        SELECT o.number FROM approval a JOIN sales_order o ON o.id = a.order_id
         WHERE a.decided_by IN (a.requested_by, a.owner_id, o.created_by)
        UNION ALL SELECT id::text FROM reassignment WHERE decided_by = requested_by
    """,
}
"""By name: rows found are violations, each named by its first column."""

AT_REST: Mapping[str, str] = {
    "S2 строка заказа не разложена по резерву": """
        SELECT o.number || ' ' || line.line_no
          FROM sales_order o JOIN order_line line ON line.order_id = o.id AND line.revision = o.revision
          JOIN reservation r ON r.order_id = o.id AND r.status <> 'released'
         WHERE o.status = ANY(%(holding)s) AND line.quantity <> (
               SELECT coalesce(sum(quantity), 0) FROM reservation_line held
                WHERE held.order_id = o.id AND held.line_no = line.line_no)
    """,
    "C2 обязательство не равно неотгруженному": """
        SELECT o.number FROM commitment c JOIN sales_order o ON o.id = c.order_id
          JOIN reservation r ON r.order_id = o.id AND r.status <> 'released'
         WHERE o.status = ANY(%(holding)s) AND c.uninvoiced <> (
               SELECT coalesce(sum(least(line.gross, round(held.quantity * line.price, 2))), 0)
                 FROM reservation_line held JOIN order_line line
                   ON line.order_id = held.order_id AND line.line_no = held.line_no AND line.revision = o.revision
                WHERE held.order_id = o.id AND held.state NOT IN ('shipped', 'closed'))
    """,
    "P1 деньги остались на законченном заказе": """
        SELECT o.number FROM payment_allocation part JOIN sales_order o ON o.id = part.order_id
         WHERE o.status = ANY(%(ended)s)
    """,
    "E1 неясная отправка клиенту без задачи": """
        SELECT key FROM outbound WHERE state IN ('unknown', 'failed') AND audience = 'customer' AND NOT EXISTS (
               SELECT 1 FROM task WHERE task.details ->> 'message' = outbound.key)
    """,
}
"""What steps of several transactions bring about: so when nobody is at work."""

STUCK: Mapping[str, str] = {
    "заказ никого не ждёт": """
        SELECT number || ' ' || status FROM sales_order
         WHERE status <> ALL(%(ended)s) AND coalesce(wait, 'null') = 'null'
    """,
    "срок ожидания вышел, а ничего не случилось": """
        SELECT number || ' ' || status || ' ' || (wait ->> 'reason') FROM sales_order
         WHERE status <> ALL(%(ended)s) AND wait ->> 'on_expiry' NOT IN ('nothing', 'task')
           AND CAST(wait ->> 'until' AS timestamptz) + interval '60 seconds'
             < greatest(now(), CAST(CAST(%(clocks)s AS jsonb) ->> id::text AS timestamptz))
    """,
    "ступень просрочки не пройдена": """
        SELECT invoice.number || ' ' || rung.stage FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
         CROSS JOIN (VALUES ('letter', 3), ('call', 7), ('head', 14), ('legal', 30)) rung (stage, day)
         WHERE line.residual > 500 AND CAST(CAST(%(clocks)s AS jsonb) ->> line.id::text AS timestamptz)
                                     > line.due_date + rung.day + %(days_off)s
           AND NOT EXISTS (SELECT 1 FROM dunning_step step
                            WHERE step.schedule_line_id = line.id AND step.stage = rung.stage)
    """,
    "заказ ждёт денег, которые пришли": """
        SELECT o.number || ' ' || (o.wait ->> 'reason') FROM sales_order o JOIN commitment c ON c.order_id = o.id
         WHERE o.wait ->> 'reason' = 'payment' AND c.required_prepayment <= (
               SELECT coalesce(sum(amount), 0) FROM payment_allocation WHERE order_id = o.id)
    """,
    "заказ ждёт оплаты оплаченных счетов": """
        SELECT number FROM sales_order o WHERE status = 'awaiting_final_payment' AND NOT EXISTS (
               SELECT 1 FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
                WHERE invoice.order_id = o.id AND line.residual > 0)
    """,
    "отгрузка без счёта": """
        SELECT number FROM shipment WHERE NOT EXISTS (SELECT 1 FROM invoice WHERE shipment_id = shipment.id)
    """,
    "сообщение не отправлено": "SELECT key || ' ' || state FROM outbound WHERE state IN ('planned', 'sending')",
    "платёж не разобран": "SELECT coalesce(external_id, identity) FROM payment WHERE reason = 'new'",
    "выписка не разобрана": "SELECT sha256 FROM bank_statement WHERE coalesce(summary, 'null') = 'null'",
}
"""What is on its way, or waits for something that has come. In the end there is none of it."""

_DAYS_OFF = 5
"""The longest row of days without an office in Kazakhstan, which a rung of the ladder waits for: Nauryz, a weekend."""
_WORDS = {"ended": sorted(ENDED), "holding": list(_HOLDING), "idle": [*sorted(ENDED), *_BEFORE_CREDIT],
          "days_off": _DAYS_OFF}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be: by which query, and what it found."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def find(
    snapshot: Snapshot, queries: Mapping[str, str], clocks: Mapping[str, datetime] | None = None
) -> Iterator[Finding]:
    """Ask all queries in one snapshot.

    Args:
        clocks: by order or instalment, what time it is at least for its process, where it was moved ahead.
    """
    words = _WORDS | {"clocks": json.dumps({name: at.isoformat() for name, at in (clocks or {}).items()})}
    for rule, query in queries.items():
        rows = snapshot.execute(query, words).fetchall()
        for row in rows[:NAMED]:
            yield Finding(rule, str(row[0]))
        if len(rows) > NAMED:
            yield Finding(rule, f"и ещё {len(rows) - NAMED}")
