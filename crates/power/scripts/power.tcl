# Power of a flat netlist with measured activity, case by case. Pins and activities are read from files
# with one line per pin, because one command per pin would take minutes to parse.
# OpenSTA 2.0.17 propagates activities from ports and from cells without inputs, and overwrites those that
# were set. Therefore the clock is the only input of power.v: registers replace inputs and constants.
# `set_power_activity -pins` of that version calls a procedure that does not exist, so this script calls
# the right one directly.
# Clock pins behind gates get the ideal slew of the clock. Before layout a gate drives thousands of pins,
# and the slew of such a net would distort the energy of every flip-flop.
# Placeholders: @CASES@, @VERSIONS@ (versions.tcl), @PERIOD_PS@,
# @CONDITIONS@ (set_operating_conditions or nothing).
read_liberty cells.lib
read_verilog power.v
link_design flexmac_power
@CONDITIONS@
set_cmd_units -time ps
create_clock -name clk -period @PERIOD_PS@ [get_ports clk_i]
puts "FLEXMAC period_ps [get_property [get_clocks clk] period]"

set pins {}
set file [open gated.txt]
while {[gets $file name] >= 0} { lappend pins [sta::find_pin $name] }
close $file
if {[llength $pins] > 0} { set_assigned_transition 0 $pins }

set pins {}
set file [open pins.txt]
while {[gets $file name] >= 0} {
  set pin [sta::find_pin $name]
  if {$pin eq "NULL"} { puts "Error: no pin $name in power.v"; exit }
  lappend pins $pin
}
close $file
@VERSIONS@
for {set case 0} {$case < @CASES@} {incr case} {
  set file [open activity_$case.txt]
  foreach pin $pins {
    gets $file line
    sta::set_power_pin_activity $pin [expr {[lindex $line 0] * $activity_unit}] [lindex $line 1]
  }
  close $file
  if {$activity_unit != 1.0} {
    # The first power starts the propagation.
    sta::instance_power [lindex [sta::network_leaf_instances] 0] $corner
    foreach pin $pins {
      if {[lindex [get_property $pin activity] 2] ne "user"} {
        puts "Error: the activity of [get_full_name $pin] is not used"
        exit
      }
    }
  }
  puts "FLEXMAC begin $case"
  report_power -digits 9
  puts "FLEXMAC end $case"
  set file [open power_$case.txt w]
  foreach instance [sta::network_leaf_instances] {
    puts $file "[get_full_name $instance] [sta::instance_power $instance $corner]"
  }
  close $file
}
puts "FLEXMAC done"
