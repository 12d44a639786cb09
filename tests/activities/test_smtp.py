"""Letters over real SMTP: what arrives, and how failures are told apart (D10-15)."""

import email
import email.policy
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from support.certificate import self_signed
from support.mail import Postman, smtp_server

from activities.adapters.errors import OutcomeUnknownError, PermanentError, TransientError
from activities.adapters.smtp import SmtpMail, build
from activities.settings import Settings
from domain.messages import Message

DATE = datetime(2026, 4, 20, 6, tzinfo=UTC)


def a_message(*, recipient: str = "zakup@romashka.example", subject: str = "Напоминание об оплате") -> Message:
    return Message(
        key="k",
        template="dunning_letter",
        audience="customer",
        recipient=recipient,
        subject=subject,
        body="Напоминаем, что срок оплаты счёта СФ-000017 истёк 5 дней назад.\n275 000,00 ₸\n",
        message_id="<abc@opora.local>",
    )


@pytest.fixture
def postman() -> Postman:
    return Postman()


@pytest.fixture
def settings(postman: Postman) -> Iterator[Settings]:
    with smtp_server(postman) as settings:
        yield settings


def test_a_letter_arrives_as_written(postman: Postman, settings: Settings) -> None:
    SmtpMail(settings).send(a_message(), DATE)

    (envelope,) = postman.envelopes
    assert isinstance(envelope.content, bytes)
    letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert envelope.mail_from == "dolg@opora.local"
    assert envelope.rcpt_tos == ["zakup@romashka.example"]
    assert letter["Subject"] == "Напоминание об оплате"
    assert letter["From"] == "Опора <dolg@opora.local>"
    assert letter["Message-ID"] == "<abc@opora.local>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime == DATE
    assert letter.get_content().replace("\r\n", "\n") == a_message().body


@pytest.mark.parametrize("length", range(20, 200, 7))
def test_a_long_subject_keeps_every_space(length: int) -> None:
    subject = ("ТОО «Волна»: скоро срок оплаты счёта СФ-000002 и ещё " * 5)[:length].strip()
    sent = build(a_message(subject=subject), "opora@localhost", DATE).as_bytes()
    assert email.message_from_bytes(sent, policy=email.policy.default)["Subject"] == subject
    assert max(map(len, sent.split(b"\r\n"))) <= 78


def test_a_line_break_in_the_subject_is_no_header(postman: Postman, settings: Settings) -> None:
    SmtpMail(settings).send(a_message(subject="ООО «Икс»\r\nBcc: all@example.com"), DATE)

    (envelope,) = postman.envelopes
    assert envelope.rcpt_tos == ["zakup@romashka.example"]
    assert isinstance(envelope.content, bytes)
    letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert letter["Bcc"] is None
    assert letter["Subject"] == "ООО «Икс» Bcc: all@example.com"


@pytest.mark.parametrize(
    "recipient",
    ["a@b.kz\r\nBcc: c@d.kz", "a@b.kz, c@d.kz", "a@b.kz c@d.kz", "<a@b.kz>", "nobody", "", "@b.kz",
     "анна@b.kz", "a@b..kz"],
)  # fmt: skip
def test_what_is_no_address_is_refused_for_good(settings: Settings, recipient: str) -> None:
    with pytest.raises(PermanentError):
        SmtpMail(settings).send(a_message(recipient=recipient), DATE)


def test_a_cyrillic_domain_is_written_in_ascii(postman: Postman, settings: Settings) -> None:
    SmtpMail(settings).send(a_message(recipient="zakup@ромашка.рф"), DATE)
    assert postman.envelopes[0].rcpt_tos == ["zakup@xn--80aa3agjl3d.xn--p1ai"]


@pytest.mark.parametrize(("answer", "error"), [("550 No such user", PermanentError), ("451 Later", TransientError)])
def test_a_refused_recipient(postman: Postman, settings: Settings, answer: str, error: type[Exception]) -> None:
    postman.rcpt_answer = answer
    with pytest.raises(error):
        SmtpMail(settings).send(a_message(), DATE)
    assert postman.envelopes == []


@pytest.mark.parametrize(("answer", "error"), [("554 Spam", PermanentError), ("452 Full", TransientError)])
def test_a_refused_letter(postman: Postman, settings: Settings, answer: str, error: type[Exception]) -> None:
    postman.data_answer = answer
    with pytest.raises(error):
        SmtpMail(settings).send(a_message(), DATE)


def test_a_line_that_breaks_after_the_letter_leaves_its_fate_unknown(postman: Postman, settings: Settings) -> None:
    postman.data_answer = None
    with pytest.raises(OutcomeUnknownError):
        SmtpMail(settings).send(a_message(), DATE)


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    settings = Settings(database_url="postgresql://", smtp_port=port)
    with pytest.raises(TransientError):
        SmtpMail(settings).send(a_message(), DATE)


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings = Settings(database_url="postgresql://", smtp_port=silent.getsockname()[1])
        with pytest.raises(TransientError):
            SmtpMail(settings, timeout=0.2).send(a_message(), DATE)


def test_a_letter_goes_under_the_seal_of_a_server_that_is_known(
    postman: Postman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes no letter in the clear."""
    certificate, context = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with smtp_server(postman, smtp_tls=True, tls_context=context) as settings:
        SmtpMail(settings).send(a_message(), DATE)
    assert len(postman.envelopes) == 1


def test_a_server_that_nobody_vouches_for_gets_no_letter(postman: Postman, tmp_path: Path) -> None:
    _, context = self_signed(tmp_path)
    with smtp_server(postman, smtp_tls=True, tls_context=context) as settings, pytest.raises(TransientError):
        SmtpMail(settings).send(a_message(), DATE)
    assert postman.envelopes == []


def test_nothing_goes_in_the_clear_where_the_seal_is_taken_out_of_the_answer(postman: Postman) -> None:
    """Whoever sits on the line can hide that the server offers STARTTLS."""
    with smtp_server(postman, smtp_tls=True) as settings, pytest.raises(TransientError):
        SmtpMail(settings).send(a_message(), DATE)
    assert postman.envelopes == []


@pytest.mark.parametrize("refused", ["STARTTLS", "MAIL"])
def test_a_server_that_refuses_us_may_take_the_letter_later(
    postman: Postman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """«554» to a receiver or a letter is for good; to whoever brings it, it is not about the letter."""
    certificate, context = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def refuse(server: SMTP, _argument: str) -> None:
        await server.push("554 No SMTP service here")

    monkeypatch.setattr(SMTP, f"smtp_{refused}", refuse)
    with smtp_server(postman, smtp_tls=True, tls_context=context) as settings, pytest.raises(TransientError):
        SmtpMail(settings).send(a_message(), DATE)
    assert postman.envelopes == []
