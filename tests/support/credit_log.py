"""A log of everything that moves credit, in the order of commit, and a simple model that the decisions must agree with.

Triggers of the test write every changed row down in the transaction that changes it, and whether that transaction
held the lock of the row's credit account. Under that lock the order of the log is the order of commit, so the log
replays as one story without any race, and what was decided in the race must be what the story says (D3-1, D3-2). The
state is checked at the end of each transaction under the lock: no other of its account is half done then.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import Engine, text

from domain.credit import CreditFacts, OrderAsk, Outcome, credit_part, decide_credit
from domain.money import ZERO, percent_of
from domain.policy import Policy

Row = dict[str, Any]

KEYS = {
    "credit_account": "id",
    "commitment": "order_id",
    "payment": "id",
    "payment_allocation": "id",
    "invoice": "id",
    "schedule_line": "id",
    "sales_order": "id",
    "order_revision": "order_id, revision",
    "approval": "id",
    "credit_decision": "id",
}
COMMITTED = {"confirmed", "reserved", "part_reserved", "awaiting_payment", "ready", "picking"}
WAITING = {"awaiting_approval", "stopped"}

_INSTALL = """
CREATE TABLE credit_log (seq bigserial PRIMARY KEY, xact text, source text, op text, row jsonb, held boolean);

CREATE FUNCTION holds_account(account uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE mine xid := pg_current_xact_id()::xid; row_xmin xid; row_xmax xid;
BEGIN
  IF account IS NULL THEN RETURN NULL; END IF;
  SELECT xmin, xmax INTO row_xmin, row_xmax FROM credit_account WHERE id = account;
  IF row_xmin = mine OR row_xmax = mine THEN RETURN true; END IF;
  BEGIN  -- several lockers at once: a foreign key's share beside ours
    RETURN EXISTS (SELECT 1 FROM pg_get_multixact_members(row_xmax) WHERE xid = mine AND mode NOT IN ('keysh', 'sh'));
  EXCEPTION WHEN OTHERS THEN RETURN false;
  END;
END $$;

CREATE FUNCTION log_credit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE image jsonb := to_jsonb(coalesce(NEW, OLD)); account uuid;
BEGIN
  account := CASE TG_TABLE_NAME
    WHEN 'credit_account' THEN (image->>'id')::uuid
    WHEN 'payment' THEN (image->>'credit_account_id')::uuid
    WHEN 'commitment' THEN (image->>'credit_account_id')::uuid
    WHEN 'credit_decision' THEN (image->>'credit_account_id')::uuid
    WHEN 'sales_order' THEN (image->>'credit_account_id')::uuid
    WHEN 'payment_allocation' THEN (SELECT credit_account_id FROM payment WHERE id = (image->>'payment_id')::uuid)
    WHEN 'schedule_line' THEN (SELECT credit_account_id FROM invoice WHERE id = (image->>'invoice_id')::uuid)
    WHEN 'approval' THEN (SELECT credit_account_id FROM sales_order WHERE id = (image->>'order_id')::uuid)
    END;
  INSERT INTO credit_log (xact, source, op, row, held)
  VALUES (pg_current_xact_id()::text, TG_TABLE_NAME, TG_OP, image, holds_account(account));
  RETURN NULL;
END $$;
"""


def install(engine: Engine) -> None:
    """Begin the log with what is there already."""
    with engine.begin() as connection:
        connection.execute(text(_INSTALL))
        for table in KEYS:
            connection.execute(
                text(
                    f"INSERT INTO credit_log (xact, source, op, row) SELECT 'before', '{table}', 'INSERT', "
                    f"to_jsonb(t) FROM {table} t"
                )
            )
            connection.execute(
                text(
                    f"CREATE TRIGGER credit_log AFTER INSERT OR UPDATE OR DELETE ON {table} "
                    "FOR EACH ROW EXECUTE FUNCTION log_credit()"
                )
            )


@dataclass
class Story:
    """What the log tells, and what is wrong with it.

    Attributes:
        decisions: how many decisions were compared with the model.
        moments: how many commits the state was checked after.
    """

    accounts: frozenset[str]
    policy: Policy
    agreed_deferral: int
    checks_ask: bool = True
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    wrong: list[str] = field(default_factory=list)
    decisions: int = 0
    moments: int = 0
    highest_limit: dict[str, Decimal] = field(default_factory=dict)
    last_decision: dict[str, str] = field(default_factory=dict)
    _decided: dict[tuple[str, int], str] = field(default_factory=dict)
    _approved: set[tuple[str, int]] = field(default_factory=set)

    def tell(self, engine: Engine) -> "Story":
        """Replay the whole log."""
        with engine.connect() as connection:
            events = connection.execute(text("SELECT * FROM credit_log ORDER BY seq")).all()
        last = {event.xact: event.seq for event in events}
        under_the_lock = {event.xact for event in events if event.held}
        touched: dict[str, set[str]] = defaultdict(set)
        for event in events:
            self._apply(event)
            touched[event.xact] |= self._accounts_of(event)
            if event.seq == last[event.xact] and event.xact in under_the_lock:
                self.moments += 1
                did = sorted({f"{each.op} {each.source}" for each in events if each.xact == event.xact})
                for account in sorted(touched.pop(event.xact) & self.accounts):
                    self._check_moment(account, f"after {event.seq} ({', '.join(did)})")
        return self

    # -- events ---------------------------------------------------------------------------------------------------

    def _apply(self, event: Any) -> None:
        row = {name: _money(name, value) for name, value in event.row.items()}
        key = ":".join(str(row[part]) for part in KEYS[event.source].split(", "))
        if event.held is False and event.source != "sales_order":  # steps on goods move it without the account
            self.wrong.append(f"{event.seq}: {event.source} {event.op} without the lock of its account")
        if event.source == "credit_decision" and event.xact != "before":
            self._check_decision(event.seq, row)
        if event.source == "approval" and row["state"] == "approved":
            self._approved.add((row["order_id"], row["revision"]))
        if event.op == "DELETE":
            self.tables[event.source].pop(key, None)
        else:
            self.tables[event.source][key] = row

    def _accounts_of(self, event: Any) -> set[str]:
        row = event.row
        if event.source == "credit_account":
            return {row["id"]}
        if "credit_account_id" in row:
            return {row["credit_account_id"]} - {None}
        order = self.tables["sales_order"].get(row.get("order_id") or "")
        return {order["credit_account_id"]} if order else set()

    def rows(self, table: str, account: str) -> Iterator[Row]:
        return (row for row in self.tables[table].values() if row["credit_account_id"] == account)

    def tied(self) -> dict[str, Decimal]:
        """Money tied to orders, by order."""
        sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for row in self.tables["payment_allocation"].values():
            if row["order_id"]:
                sums[row["order_id"]] += row["amount"]
        return sums

    def facts(self, account: str, tied: dict[str, Decimal], *, without: str = "") -> CreditFacts:
        """The figures of D1 at this point of the story."""
        mine = {row["id"] for row in self.rows("invoice", account)}
        lines = self.tables["schedule_line"].values()
        return CreditFacts(
            currency=self.tables["credit_account"][account]["currency"],
            receivables=sum((line["residual"] for line in lines if line["invoice_id"] in mine), ZERO),
            advances=sum((row["unallocated"] for row in self.rows("payment", account)), ZERO),
            commitments=sum(
                (counts(row, tied) for row in self.rows("commitment", account) if row["order_id"] != without), ZERO
            ),
            order_credit=ZERO,
            limit=self.tables["credit_account"][account]["base_limit"],
        )

    # -- what must be so ------------------------------------------------------------------------------------------

    def _check_decision(self, seq: int, row: Row) -> None:
        """Every recorded figure is the model's at this point: no lost update, no stale read."""
        self.decisions += 1
        order_id, revision = row["order_id"], row["revision"]
        self.last_decision[order_id] = row["id"]
        self._decided[order_id, revision] = row["outcome"]
        recorded, tied = row["facts"], self.tied()
        model = self.facts(row["credit_account_id"], tied, without=order_id)
        for name in ("receivables", "advances", "commitments", "limit"):
            if Decimal(recorded[name]) != getattr(model, name):
                self.wrong.append(f"{seq}: {name} {recorded[name]}, not {getattr(model, name)} ({row['occasion']})")
        asked = self.tables["order_revision"][f"{order_id}:{revision}"]
        credit = credit_part(asked["gross"], asked["prepayment_percent"], tied[order_id])
        if self.checks_ask and Decimal(recorded["order_credit"]) != credit:
            self.wrong.append(f"{seq}: asks {recorded['order_credit']}, not {credit} ({row['occasion']})")
        exposure = model.exposure_before + Decimal(recorded["order_credit"])
        if row["exposure"] != exposure or row["credit_limit"] != model.limit:
            self.wrong.append(f"{seq}: exposure {row['exposure']} of {row['credit_limit']}, not {exposure}")
        on_credit = Decimal(recorded["order_credit"]) > 0
        if row["outcome"] == Outcome.AUTO and on_credit and row["exposure"] > row["credit_limit"]:
            self.wrong.append(f"{seq}: passed at {row['exposure']} above {row['credit_limit']}")

    def _check_moment(self, account: str, when: str) -> None:
        tied = self.tied()
        facts = self.facts(account, tied)
        limit = self.highest_limit[account] = max(self.highest_limit.get(account, ZERO), facts.limit)
        orders = {row["id"]: row for row in self.rows("sales_order", account)}
        commitments = {row["order_id"]: row for row in self.rows("commitment", account)}
        by_itself = sum((counts(row, tied) for key, row in commitments.items() if self.passed_alone(orders[key])), ZERO)
        if by_itself and facts.receivables - facts.advances + by_itself > limit:
            self.wrong.append(f"{when}: automatic approvals of {by_itself} with {facts}")
        open_requests = {row["order_id"]: row for row in self.tables["approval"].values() if row["state"] == "open"}
        for order in orders.values():
            self._check_order(order, commitments.get(order["id"]), open_requests.get(order["id"]), when)
        self._check_nobody_waits_in_vain(account, facts, orders.values(), tied, when)
        given: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for row in self.tables["payment_allocation"].values():
            given[row["payment_id"]] += row["amount"]
        for payment in self.rows("payment", account):
            if payment["unallocated"] + given[payment["id"]] != payment["amount"]:
                self.wrong.append(f"{when}: payment {payment['id']} is not conserved")

    def passed_alone(self, order: Row) -> bool:
        """Whether the order goes by a revision that credit passed without a person (D2-1)."""
        newest = next(
            revision
            for revision in count(order["revision"], -1)
            if revision < 1 or (order["id"], revision) in self._decided
        )
        decided = (order["id"], newest)
        return self._decided.get(decided) == Outcome.AUTO and decided not in self._approved

    def _check_order(self, order: Row, commitment: Row | None, request: Row | None, when: str) -> None:
        """An order counts exactly while it is confirmed, at what it comes to; it asks exactly while it waits."""
        name, status, revision = f"{when}: {order['number']} {order['status']}", order["status"], order["revision"]
        if (commitment is not None) != (status in COMMITTED):
            self.wrong.append(f"{name} with commitment {commitment}")
        if commitment is not None:
            required = percent_of(order["gross"], order["prepayment_percent"])
            if (commitment["uninvoiced"], commitment["required_prepayment"]) != (order["gross"], required):
                self.wrong.append(f"{name} of {order['gross']} counts as {commitment}")
        revisions = self.tables["order_revision"]
        in_force = revisions[f"{order['id']}:{revision}"]
        if in_force["state"] != "in_force" or in_force["gross"] != order["gross"]:
            self.wrong.append(f"{name} goes by {in_force}")
        if status == "awaiting_approval" and (request is None or request["revision"] != revision):
            self.wrong.append(f"{name} waits for {request}")
        if status != "awaiting_approval" and request is not None:
            proposed = revisions.get(f"{order['id']}:{request['revision']}", {}).get("state")
            if status not in COMMITTED or proposed != "proposed":
                self.wrong.append(f"{name} still asks for {request['revision']}, which is {proposed}")

    def _check_nobody_waits_in_vain(
        self, account: str, facts: CreditFacts, orders: Any, tied: dict[str, Decimal], when: str
    ) -> None:
        """D2-13: whoever the figures set free is free in the very same commit."""
        for order in orders:
            if order["status"] not in WAITING:
                continue
            credit = credit_part(order["gross"], order["prepayment_percent"], tied[order["id"]])
            ask = OrderAsk(credit, order["deferral_days"], self.agreed_deferral)
            outcome = decide_credit(facts.asked(ask), self.policy).outcome
            stays = {Outcome.STOP} if order["status"] == "stopped" else {Outcome.STOP, Outcome.APPROVAL}
            if outcome not in stays:
                self.wrong.append(f"{when}: {order['number']} is {order['status']} but would be {outcome}")


def counts(commitment: Row, tied: dict[str, Decimal]) -> Decimal:
    """What a commitment counts for (D1-5)."""
    covered = max(commitment["required_prepayment"], tied[commitment["order_id"]])
    return max(ZERO, commitment["uninvoiced"] - covered)


_MONEY = {
    "amount",
    "unallocated",
    "residual",
    "uninvoiced",
    "required_prepayment",
    "gross",
    "base_limit",
    "exposure",
    "credit_limit",
    "ceiling",
}


def _money(name: str, value: Any) -> Any:
    return Decimal(str(value)) if name in _MONEY and value is not None else value


_OBSERVED = text("""
    SELECT (SELECT count(*) FROM sales_order o WHERE credit_account_id = ANY(:accounts)
              AND (status = ANY(:committed)) <> EXISTS (SELECT 1 FROM commitment WHERE order_id = o.id)) AS astray,
           (SELECT count(*) FROM sales_order o WHERE credit_account_id = ANY(:accounts)
              AND (status = 'awaiting_approval') <> EXISTS (SELECT 1 FROM approval
                    WHERE order_id = o.id AND state = 'open' AND approval.revision = o.revision)) AS unasked,
           (SELECT count(*) FROM credit_decision
             WHERE outcome = 'auto' AND exposure > credit_limit AND (facts->>'order_credit')::numeric > 0) AS beyond
""")


def look(engine: Engine, accounts: list[str]) -> dict[str, int]:
    """What anybody sees at this moment, in one snapshot and without a lock; each figure must be 0."""
    with engine.connect() as connection:
        seen = connection.execute(_OBSERVED, {"accounts": accounts, "committed": sorted(COMMITTED)}).one()
    return dict(seen._mapping)
