"""Nothing leaves the house while it is frozen; a restored house does not say twice what it has said (D10-15)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session
from support.company import MONDAY, Company, a_company, a_customer
from support.invoices import rows
from support.mail import RecordingMailer

from activities.adapters.errors import HeldError
from activities.notifications import NotificationActivities
from activities.persistence import discrepancies, freezing, outbound
from activities.persistence.events import events_of
from activities.persistence.outbound import plan_message
from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.persistence.watch_tables import EffectFreezeRow
from domain.freezes import EffectsNotFrozenError, FindingsOpenError, FreezeReason, NotReconciledError
from domain.messages import MessageState
from domain.watch import GRACE, Finding, Kind

LATER = MONDAY + timedelta(hours=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def planned(engine: Engine, company: Company) -> str:
    customer = a_customer(engine, company)
    with Session(engine) as session, session.begin():
        return plan_message(
            session, "k:1", audience="customer", template="reservation_reminder", recipient="a@romashka.example",
            subject="Заказ ждёт оплаты", body="…", created_at=MONDAY, customer_id=customer.id,
        )  # fmt: skip


def freeze(engine: Engine, reason: FreezeReason = FreezeReason.STOP) -> None:
    backup = MONDAY + timedelta(minutes=30) if reason is FreezeReason.RESTORE else None
    with Session(engine) as session, session.begin():
        freezing.freeze(session, reason, by="admin", at=LATER, backup_at=backup)


def thaw(engine: Engine, *, accept_findings: bool = False) -> int:
    with Session(engine) as session, session.begin():
        return freezing.thaw(session, by="admin", at=LATER, accept_findings=accept_findings)


def look(engine: Engine, *findings: Finding, grace: timedelta = timedelta(0)) -> None:
    with Session(engine) as session, session.begin():
        discrepancies.take_in(session, findings, list(Kind), as_of=LATER, grace=grace)


def reconcile(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        freezing.note_reconciled(session, at=LATER)


def state(engine: Engine) -> str:
    return rows(engine, OutboundRow)[0].state


def test_while_frozen_a_letter_stays_planned_and_goes_after_the_thaw(engine: Engine, planned: str) -> None:
    mailer = RecordingMailer()
    activities = NotificationActivities(engine, mailer)
    freeze(engine)

    with pytest.raises(HeldError):
        activities.deliver([planned], LATER)
    assert activities.give_up([planned], LATER)
    assert (state(engine), mailer.sent, rows(engine, OutboundRow)[0].attempts) == ("planned", [], 0)

    assert thaw(engine) == 1
    assert activities.deliver([planned], LATER)[0].state is MessageState.DONE
    assert len(mailer.sent) == 1
    assert not activities.give_up([planned], LATER)
    with Session(engine) as session:
        assert [row.event for row in events_of(session, "effects", "stop")] == ["effects_frozen", "effects_thawed"]


def test_a_letter_cut_off_while_sending_is_not_repeated_while_frozen(engine: Engine, planned: str) -> None:
    mailer = RecordingMailer()
    with Session(engine) as session, session.begin():
        session.get_one(OutboundRow, planned).state = "sending"
    freeze(engine)
    with pytest.raises(HeldError):
        NotificationActivities(engine, mailer, mailbox=mailer).deliver([planned], LATER)
    assert (state(engine), mailer.sent) == ("sending", [])


def test_a_letter_that_is_done_is_told_so_while_frozen(engine: Engine, planned: str) -> None:
    activities = NotificationActivities(engine, RecordingMailer())
    activities.deliver([planned], LATER)
    freeze(engine)
    assert activities.deliver([planned], LATER)[0].state is MessageState.DONE


def test_a_freeze_waits_for_claims_that_knew_nothing_of_it(engine: Engine, planned: str) -> None:
    """Whoever has read that letters may go commits before the freeze does, so that none is claimed after it."""
    order: list[str] = []
    with ThreadPoolExecutor(1) as aside, Session(engine) as claim:
        freezing.pass_gate(claim, planned)
        assert outbound.claim(claim, planned, at=LATER).held_since is None

        def freeze_aside() -> None:
            freeze(engine)
            order.append("frozen")

        waiting = aside.submit(freeze_aside)
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        order.append("claimed")
        claim.commit()
        waiting.result(5)
    assert order == ["claimed", "frozen"]


def test_a_claim_that_meets_a_freeze_under_way_waits_and_is_held(engine: Engine, planned: str) -> None:
    mailer = RecordingMailer()
    with ThreadPoolExecutor(1) as aside, Session(engine) as session:
        freezing.freeze(session, FreezeReason.STOP, by="admin", at=LATER)
        waiting = aside.submit(NotificationActivities(engine, mailer).deliver, [planned], LATER)
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        session.commit()
        with pytest.raises(HeldError):
            waiting.result(5)
    assert (state(engine), mailer.sent) == ("planned", [])


def test_a_second_freeze_for_the_same_reason_is_the_first(engine: Engine) -> None:
    freeze(engine)
    freeze(engine)
    assert len(rows(engine, EffectFreezeRow)) == 1
    freeze(engine, FreezeReason.RESTORE)
    reconcile(engine)
    assert thaw(engine) == 2
    with pytest.raises(EffectsNotFrozenError):
        thaw(engine)


def test_after_a_restore_there_is_no_thaw_before_it_is_reconciled(engine: Engine) -> None:
    freeze(engine, FreezeReason.RESTORE)
    with pytest.raises(NotReconciledError):
        thaw(engine)
    with engine.connect() as connection, pytest.raises(IntegrityError, match="reconciled_before_thaw"):
        connection.execute(text("UPDATE effect_freeze SET thawed_at = now(), thawed_by = 'admin'"))
    reconcile(engine)
    assert thaw(engine) == 1


def test_after_a_restore_open_findings_are_settled_or_accepted_before_the_thaw(engine: Engine) -> None:
    freeze(engine, FreezeReason.RESTORE)
    reconcile(engine)
    look(engine, Finding(Kind.NO_ROW, "order/1"), Finding(Kind.IDLE, "order/2"))
    with pytest.raises(FindingsOpenError) as refused:
        thaw(engine)
    assert (refused.value.code, refused.value.facts) == ("findings_open", {"count": 2})
    with Session(engine) as session:
        assert freezing.frozen_since(session) == LATER

    assert thaw(engine, accept_findings=True) == 1
    with Session(engine) as session:
        told = {row.event: row.data for row in events_of(session, "effects", "restore")}
    assert list(told) == ["effects_frozen", "findings_accepted", "effects_thawed"]
    assert told["findings_accepted"] == {"by": "admin", "count": 2, "kinds": {"idle": 1, "no_row": 1}}


def test_after_a_restore_findings_that_are_gone_or_only_suspected_hold_nothing_up(engine: Engine) -> None:
    freeze(engine, FreezeReason.RESTORE)
    reconcile(engine)
    look(engine, Finding(Kind.NO_ROW, "order/1"))
    look(engine, Finding(Kind.IDLE, "order/2"), grace=GRACE)
    assert thaw(engine) == 1
    with Session(engine) as session:
        assert "findings_accepted" not in [row.event for row in events_of(session, "effects", "restore")]


def test_findings_are_no_matter_of_a_stop_by_a_person(engine: Engine) -> None:
    freeze(engine)
    look(engine, Finding(Kind.NO_ROW, "order/1"))
    assert thaw(engine) == 1


def test_a_letter_of_the_lost_days_that_arrived_is_not_sent_again(engine: Engine, planned: str) -> None:
    """The database knows it as planned; the mailbox has it: it was sent after the backup."""
    mailer = RecordingMailer()
    NotificationActivities(engine, mailer).deliver([planned], LATER)
    with Session(engine) as session, session.begin():
        row = session.get_one(OutboundRow, planned)
        row.state, row.done_at = "planned", None
    freeze(engine, FreezeReason.RESTORE)
    reconcile(engine)
    thaw(engine)

    delivered = NotificationActivities(engine, mailer, mailbox=mailer).deliver([planned], LATER)
    assert delivered[0].state is MessageState.DONE
    assert len(mailer.sent) == 1


def test_where_nobody_can_be_asked_letters_planned_at_the_backup_count_as_sent(engine: Engine, planned: str) -> None:
    """And the manager is told; a letter planned after the restore goes."""
    mailer = RecordingMailer()
    activities = NotificationActivities(engine, mailer)
    freeze(engine, FreezeReason.RESTORE)
    with Session(engine) as session, session.begin():
        plan_message(
            session, "k:2", audience="staff", template="quote_expires", recipient="m@opora.example",
            subject="После копии", body="…", created_at=LATER,
        )  # fmt: skip

    assert activities.settle_doubtful(LATER) == 1
    reconcile(engine)
    thaw(engine)
    activities.deliver([planned, "k:2"], LATER)
    assert [message.key for message in mailer.sent] == ["k:2"]
    assert rows(engine, OutboundRow, key=planned)[0].state == "unknown"
    assert [task.kind for task in rows(engine, TaskRow)] == ["message_unknown"]


def test_where_the_mailbox_can_be_asked_only_what_arrived_counts_as_sent(engine: Engine, planned: str) -> None:
    mailer = RecordingMailer()
    NotificationActivities(engine, mailer).deliver([planned], LATER)
    with Session(engine) as session, session.begin():
        session.get_one(OutboundRow, planned).state = "planned"
        plan_message(
            session, "k:2", audience="staff", template="quote_expires", recipient="m@opora.example",
            subject="Не ушло", body="…", created_at=MONDAY,
        )  # fmt: skip
        session.get_one(OutboundRow, "k:2").state = "sending"
    freeze(engine, FreezeReason.RESTORE)

    assert NotificationActivities(engine, mailer, mailbox=mailer).settle_doubtful(LATER) == 1
    assert {row.key: row.state for row in rows(engine, OutboundRow)} == {"k:1": "done", "k:2": "planned"}


def test_without_a_restore_nothing_is_doubtful(engine: Engine, planned: str) -> None:
    freeze(engine)
    assert NotificationActivities(engine, RecordingMailer()).settle_doubtful(LATER) == 0
    assert state(engine) == "planned"
