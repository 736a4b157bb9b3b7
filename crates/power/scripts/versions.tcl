# Detects what differs between versions of OpenSTA; inserted into the other scripts.
# Placeholder: @PERIOD_PS@.
# OpenSTA 3 calls a corner a scene.
if {[llength [info commands sta::cmd_scene]] > 0} {
  set corner [sta::cmd_scene]
} else {
  set corner [sta::cmd_corner]
}
# OpenSTA 2.0 takes the activity of a pin in transitions per clock cycle. Versions since January 2025 take
# transitions per second; the same change added a command for the shortest clock period.
set activity_unit 1.0
if {[llength [info commands sta::clock_min_period]] > 0} {
  set activity_unit [expr {1.0e12 / @PERIOD_PS@}]
}
