"""The mailbox keeps every letter once it said so, and finds it by its Message-ID."""

from email.message import EmailMessage
from pathlib import Path

from activities.persistence.mailbox import Mailbox


def letter(message_id: str, subject: str = "Ваш заказ ждёт оплаты") -> bytes:
    message = EmailMessage()
    message["To"] = "Анна <anna@romashka.kz>"
    message["From"] = "opora@localhost"
    message["Subject"] = subject
    message["Message-ID"] = message_id
    message.set_content("Резерв действует ещё 4 дня.\nСпасибо!")
    return message.as_bytes()


def test_a_letter_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    box = Mailbox(tmp_path)
    box.deliver(letter("<1@opora>"), ["anna@romashka.kz"])
    (found,) = Mailbox(tmp_path).messages()
    assert found.to == "anna@romashka.kz"
    assert found.subject == "Ваш заказ ждёт оплаты"
    assert found.text == "Резерв действует ещё 4 дня.\nСпасибо!\n"
    assert found.message_id == "<1@opora>"
    assert found.received_at.tzinfo is not None


def test_find_knows_what_arrived(tmp_path: Path) -> None:
    box = Mailbox(tmp_path)
    box.deliver(letter("<1@opora>"), ["a@x.kz"])
    assert box.find("<1@opora>")
    assert not box.find("<2@opora>")


def test_a_letter_delivered_twice_is_seen_twice_newest_last(tmp_path: Path) -> None:
    box = Mailbox(tmp_path)
    for number, subject in ((1, "первое"), (2, "второе"), (2, "второе")):
        box.deliver(letter(f"<{number}@opora>", subject), ["a@x.kz"])
    assert [one.subject for one in box.messages()] == ["первое", "второе", "второе"]
    assert [one.subject for one in box.messages(last=1)] == ["второе"]


def test_rubbish_does_not_break_the_list(tmp_path: Path) -> None:
    box = Mailbox(tmp_path)
    box.deliver(b"\xff\xfe no headers", ["a@x.kz"])
    box.deliver(b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xd0\x9e", ["a@x.kz"])
    assert len(box.messages()) == 2
