"""The real rspamd with no network and few modules, which knows GTUBE and a word of ours."""

from __future__ import annotations

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["BARGAIN", "LATER", "Rspamd"]

BARGAIN = "a bargain for you alone"
"""Worth 7 points: more than what is marked, less than what is refused."""

LATER = "come back for this"
"""Has rspamd tell the sender to come back."""

_CONFIGURATION = """\
options {{
  pidfile = "{folder}/pid";
  filters = "regexp";
  dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }}
  local_addrs = [];
  tempdir = "{folder}";
  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "info"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
lua = "{folder}/rules.lua";
actions {{ reject = 15; add_header = 6; greylist = 4; }}
"""
_RULES = """\
rspamd_config:register_symbol({{
  name = 'BARGAIN', type = 'normal', score = 7.0, group = 'test',
  callback = function(task)
    if tostring(task:get_content()):find('{bargain}') then
      task:set_milter_reply({{ add_headers = {{ ['X-Bargain'] = 'yes' }},
                               remove_headers = {{ ['X-Old'] = 0 }} }})
      return true, 1.0, task:get_helo()
    end
    return false
  end
}})
rspamd_config:register_symbol({{
  name = 'LATER', type = 'postfilter', callback = function(task)
    if tostring(task:get_content()):find('{later}') then
      task:set_pre_result('soft reject', 'Come back in an hour')
    end
  end
}})
rspamd_config:set_metric_symbol({{ name = 'BARGAIN', score = 7.0, group = 'test' }})
"""


class Rspamd:
    """A running rspamd."""

    def __init__(self) -> None:
        needs.root("rspamd")
        command = needs.program("rspamd")
        self.folder = peer_folder("rspamd")
        self.port = free_port()
        configuration = self.folder / "rspamd.conf"
        configuration.write_text(_CONFIGURATION.format(folder=self.folder, port=self.port))
        (self.folder / "rules.lua").write_text(_RULES.format(bargain=BARGAIN, later=LATER))
        argv = [command, "-f", "-i", "-c", str(configuration)]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "output")
            self._process.wait_ready(lambda: listening(self.port))

    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "rspamd.log").read_text("utf-8", errors="replace")

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
