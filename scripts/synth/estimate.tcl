# What OpenSTA makes of a netlist without measured activity: every input changes once in ten cycles,
# and the rest follows from the cells' functions.
# Placeholders: @TOP@, @CLOCK@, @PERIOD_PS@, @CONDITIONS@.
read_liberty cells.lib
read_verilog netlist_sta.v
link_design @TOP@
@CONDITIONS@
set_cmd_units -time ps
create_clock -name clk -period @PERIOD_PS@ [get_ports @CLOCK@]
# A cell that no clock reaches counts as one change a second: inputs belong to the clock.
foreach port [all_inputs] {
  if {[get_name $port] ne {@CLOCK@}} { set_input_delay 0 -clock clk $port }
}
puts "FLEXMAC begin 0"
report_power -digits 9
puts "FLEXMAC end 0"
puts "FLEXMAC done"
