# Measures the clock period of a mapped netlist. OpenSTA exits with 0 even after an error, so the reader of
# the log checks the markers below and looks for Error lines.
# Placeholders: @TOP@, @DIR@ (folder of the netlist), @CLOCK@ (clock port), @PERIOD_PS@,
# @CONDITIONS@ (a set_operating_conditions command, or nothing if the library names none).
read_liberty cells.lib
read_verilog @DIR@netlist_sta.v
link_design @TOP@
@CONDITIONS@
set_cmd_units -time ps
# In OpenSTA a missing port is only a warning: the clock would be virtual and reach no register.
if {[llength [get_ports -quiet @CLOCK@]] == 0} {
  puts "Error: @TOP@ has no clock port @CLOCK@"
  exit
}
create_clock -name clk -period @PERIOD_PS@ [get_ports @CLOCK@]

puts "FLEXMAC period_ps [get_property [get_clocks clk] period]"
# No port has a delay yet, so all paths go from register to register. Naming the registers with -from and
# -to would give the same path, but OpenSTA would search twice and take a third more time.
puts "FLEXMAC begin reg_to_reg"
report_checks -path_delay max -digits 6
puts "FLEXMAC end reg_to_reg"

# Add ports with zero external delay: inputs arrive and outputs are required at the clock edge.
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
