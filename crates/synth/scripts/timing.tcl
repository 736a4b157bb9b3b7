# Clock period of a mapped netlist. OpenSTA leaves exit code 0 after an error, so the reader of the
# log looks for the markers below and for Error lines.
# Placeholders: @TOP@, @DIR@ (folder of the netlist), @CLOCK@ (clock port), @PERIOD_PS@,
# @CONDITIONS@ (a set_operating_conditions command, or nothing where the library names none).
read_liberty cells.lib
read_verilog @DIR@netlist_sta.v
link_design @TOP@
@CONDITIONS@
set_cmd_units -time ps
# A missing port is only a warning in OpenSTA; the clock would be a virtual one that reaches nothing.
if {[llength [get_ports -quiet @CLOCK@]] == 0} {
  puts "Error: @TOP@ has no clock port @CLOCK@"
  exit
}
create_clock -name clk -period @PERIOD_PS@ [get_ports @CLOCK@]

puts "FLEXMAC period_ps [get_property [get_clocks clk] period]"
# No port has a delay yet, so paths from register to register are all there are. Naming the registers
# as -from and -to gives the same path and makes OpenSTA search twice: a third more time.
puts "FLEXMAC begin reg_to_reg"
report_checks -path_delay max -digits 6
puts "FLEXMAC end reg_to_reg"

# Ports join with zero external delay: an input arrives at the clock edge, an output is needed at it.
set inputs {}
foreach port [all_inputs] {
  if {[get_name $port] ne {@CLOCK@}} { lappend inputs $port }
}
if {[llength $inputs] > 0} { set_input_delay 0 -clock clk $inputs }
if {[llength [all_outputs]] > 0} { set_output_delay 0 -clock clk [all_outputs] }
puts "FLEXMAC begin all"
report_checks -path_delay max -digits 6
puts "FLEXMAC end all"
puts "FLEXMAC done"
