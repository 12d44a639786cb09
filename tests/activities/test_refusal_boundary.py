"""What an activity's failure says outside: refusals by their code, failures of the database without their values."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from temporalio.api.failure.v1 import Failure
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.interceptor import RefusalInterceptor
from workflows.converter import data_converter

PERSON = {"login": "pelageya@example.kz", "name": "Пелагея"}
"""Not in the line that fails: traces quote their lines."""


class Failing(ActivityInboundInterceptor):
    """An activity that stores the same e-mail twice."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def execute_activity(self, input: ExecuteActivityInput) -> None:
        insert = text(
            "INSERT INTO app_user (id, login, name, email, role) "
            "VALUES (gen_random_uuid(), :login, :name, :login, 'head')"
        )
        with self._engine.begin() as connection:
            for _ in range(2):
                connection.execute(insert, PERSON)


@pytest.mark.anyio
async def test_a_failure_of_the_database_names_the_constraint_and_no_value(engine: Engine) -> None:
    boundary = RefusalInterceptor().intercept_activity(Failing(engine))
    stored = Failure()
    try:
        await boundary.execute_activity(None)  # type: ignore[arg-type]
    except Exception as error:  # whatever the worker would send
        await data_converter.encode_failure(error, stored)
    sent = str(stored.SerializeToString().decode("utf-8", "replace"))
    assert stored.application_failure_info.type == "IntegrityError"
    assert not stored.application_failure_info.non_retryable
    assert "UniqueViolation 23505 app_user app_user_login_key" in stored.message
    assert "execute_activity" in stored.stack_trace
    assert "pelageya@" not in sent
    assert "Пелагея" not in sent


def test_parameters_stay_out_of_what_is_logged(engine: Engine) -> None:
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        connection.execute(text("SELECT 1 / length(:name)"), {"name": ""})
    assert "hidden" in str(caught.value)
