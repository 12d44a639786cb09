"""Settings -> adapters -> the list of activities a worker offers."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.worker import Interceptor

from activities.adapters.own_books import OwnBooks
from activities.adapters.smtp import SmtpMail
from activities.approvals import ApprovalActivities
from activities.attempts import AttemptWatch
from activities.credit import CreditActivities
from activities.dunning import DunningActivities
from activities.fresh_payments import FreshPaymentActivities, PaymentSource
from activities.fulfilment import FulfilmentActivities
from activities.gate import GateActivities
from activities.grants import GrantActivities
from activities.handoff import HandoffActivities
from activities.heartbeats import Heartbeats
from activities.interceptor import RefusalInterceptor
from activities.invoicing import InvoicingActivities
from activities.lifetimes import LifetimeActivities
from activities.notifications import Mailer, NotificationActivities
from activities.orders import OrderActivities
from activities.payments import PaymentActivities
from activities.persistence.mailbox import Mailbox
from activities.revisions import RevisionActivities
from activities.settings import Settings
from activities.short_close import ShortCloseActivities
from activities.shortages import ShortageActivities
from activities.stock import StockActivities
from activities.supply import SupplyActivities
from activities.sweeps import SweepActivities
from activities.watchdog import WatchActivities


def build_activities(
    settings: Settings, engine: Engine, client: Client, payments: PaymentSource | None = None
) -> list[Callable[..., Any]]:
    """Every step of the business, bound to its database and Temporal client; mail is `build_mail_activities`.

    Args:
        payments: the system of record for payments; our own tables unless another is named.
    """
    groups: list[object] = [
        CreditActivities(engine),
        ApprovalActivities(engine),
        RevisionActivities(engine),
        GateActivities(engine),
        StockActivities(engine),
        ShortageActivities(engine),
        LifetimeActivities(engine),
        FreshPaymentActivities(engine, payments or OwnBooks()),
        FulfilmentActivities(engine),
        ShortCloseActivities(engine),
        InvoicingActivities(engine),
        OrderActivities(engine),
        PaymentActivities(engine),
        DunningActivities(engine),
        GrantActivities(engine),
        SupplyActivities(engine),
        SweepActivities(engine),
        HandoffActivities(client, settings.task_queue),
        WatchActivities(engine, client, settings.task_queue),
    ]
    return [activity for group in groups for activity in activities_of(group)]


def build_mail_activities(settings: Settings, engine: Engine, mailer: Mailer | None = None) -> list[Callable[..., Any]]:
    """The activities that wait for a mail server, bound to it and to their database; `mailer`: another way to it."""
    mailbox = Mailbox(settings.mailbox) if settings.mailbox else None
    return activities_of(NotificationActivities(engine, mailer or SmtpMail(settings), mailbox))


def activities_of(group: object) -> list[Callable[..., Any]]:
    """The activities of one class, bound."""
    names = [name for name in dir(type(group)) if not name.startswith("_")]
    methods = [getattr(group, name) for name in names]
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]


def build_interceptors(engine: Engine) -> list[Interceptor]:
    """What stands around every step."""
    return [AttemptWatch(engine), Heartbeats(), RefusalInterceptor()]
