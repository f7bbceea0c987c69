"""Which home a demo takes, who holds a home, and how Dagster is set up in it."""

import socket
from pathlib import Path

import pytest
import yaml

from metrifly_pipeline.cli.dagster_home import adopt_home, dagster_home, workspace_file
from metrifly_pipeline.cli.demo_home import demo_home
from metrifly_pipeline.cli.local_exchange import HomeInUseError, LocalExchange, held, ports_free, ports_to_keep
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.settings import Settings, environment_with, own_environment

PASSWORD = "PLANTED-password"
LENT_FROM = 32_768
"""Linux lends ports to outgoing connections from here on, unless somebody changed that; macOS and Windows from 49,152."""
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder to stand in, and no variable that leads elsewhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("METRIFLY_HOME", "METRIFLY_DAGSTER_URL", "METRIFLY_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", "unset again by monkeypatch")
    return tmp_path


def taken():
    with demo_home(Settings()) as home:
        return home.name


def test_a_demo_has_a_home_of_its_own_and_comes_back_to_it():
    assert taken() == ".demo"
    assert taken() == ".demo"


def test_a_demo_takes_the_home_that_is_named(place):
    with demo_home(Settings(home=place / "mine")) as home:
        assert home == place / "mine"


def test_a_home_in_use_is_left_alone(place, capsys):
    with held(place / ".demo"):
        assert taken() == ".demo-2"
    assert "in use" in capsys.readouterr().out

    with held(place / ".demo", "sandbox"):
        assert taken() == ".demo-2"

    assert taken() == ".demo"


def test_two_demos_at_once_have_two_homes():
    with demo_home(Settings()) as first, demo_home(Settings()) as second:
        assert (first.name, second.name) == (".demo", ".demo-2")


def test_a_home_whose_ports_are_taken_is_left_alone(place):
    with socket.create_server(("127.0.0.1", 0)) as other:
        known = LocalExchange(seed=1, made_at_us=0, scale=1.0, trades={}, ports={"kraken": other.getsockname()[1]})
        known.write(place / ".demo")

        assert taken() == ".demo-2"

    assert taken() == ".demo"


def test_ports_that_are_kept_are_free_and_none_that_an_outgoing_connection_may_be_lent():
    names = [f"exchange {number}" for number in range(500)]

    first = ports_to_keep(names[:1])
    with socket.create_server(("127.0.0.1", first[names[0]])):
        assert not ports_free(first)
        later = ports_to_keep(names)

    assert list(later) == names
    assert len({*later.values(), *first.values()}) == 501
    assert max(later.values()) < LENT_FROM


def test_a_home_with_somebodys_data_is_never_a_demos(place):
    (place / ".demo").mkdir()
    (place / ".demo" / "control.sqlite").touch()

    assert taken() == ".demo-2"


def test_a_home_is_held_by_one_process_and_let_go_at_the_end(place):
    with held(place / "h"), pytest.raises(HomeInUseError, match="in use"), held(place / "h"):
        pass

    with held(place / "h"):
        pass


def test_an_unreadable_record_of_the_local_exchange_says_so(place):
    (place / "sandbox.json").write_text("{")

    with pytest.raises(RefusedError, match="Delete it"):
        LocalExchange.read(place)


def test_the_local_exchange_is_kept_as_it_was_made(place):
    made = LocalExchange(seed=7, made_at_us=1, scale=2.0, trades={"okx": 3}, ports={"okx": 4, "admin": 5})

    made.write(place)

    assert LocalExchange.read(place) == made
    assert made.base_url("okx") == "http://127.0.0.1:4"


def test_dagster_tells_nobody_outside_and_starts_requests_soon(place):
    adopt_home(Settings(home=place / "h"))

    instance = yaml.safe_load((dagster_home(Settings(home=place / "h")) / "dagster.yaml").read_text())

    assert instance["telemetry"] == {"enabled": False}
    assert instance["nux"] == {"enabled": False}
    assert instance["run_coordinator"]["config"]["dequeue_interval_seconds"] == 1
    assert instance["run_monitoring"]["max_runtime_seconds"] > 0
    assert "storage" not in instance


def test_dev_loads_what_the_projects_workspace_loads(place):
    settings = Settings(home=place / "h")
    adopt_home(settings)

    written, own = (yaml.safe_load(file.read_text()) for file in (workspace_file(settings), ROOT / "workspace.yaml"))

    assert written == own
    assert [each["python_module"]["module_name"] for each in own["load_from"]] == ["metrifly_pipeline.definitions"]


def test_the_address_of_dagsters_database_stands_in_the_environment_only(place):
    url = f"postgresql+psycopg2://someone:{PASSWORD}@127.0.0.1/dagster"
    settings = Settings(home=place / "h", dagster_url=url)

    home = adopt_home(settings)

    instance = yaml.safe_load((home / "dagster.yaml").read_text())
    assert instance["storage"] == {
        "custom": {
            "module": "metrifly_pipeline.dagster_storage",
            "class": "MetriflyPostgresStorage",
            "config": {"postgres_url": {"env": "METRIFLY_DAGSTER_URL"}},
        }
    }
    assert all(PASSWORD not in file.read_text() for file in home.iterdir())
    assert home != dagster_home(Settings(home=place / "h"))


def test_a_demo_is_not_led_elsewhere_by_what_the_shell_is_set_up_for(monkeypatch):
    monkeypatch.setenv("METRIFLY_DATABASE_URL", "postgresql://somewhere/real")
    monkeypatch.setenv("METRIFLY_ACCOUNT", "somebody")

    own_environment({"METRIFLY_HOME": "/h"})

    assert Settings().database_url is None
    assert Settings().account == "default"
    assert environment_with({"A": "b"})["METRIFLY_HOME"] == "/h"
