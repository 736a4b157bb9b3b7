// One flexmac_pe through one command whose operands are the same for every k: A, B of NA, NB
// planes, K long, lanes beyond K zero. Prints the sum that its digits and last accumulator make,
// and the extremes its accumulator went through.
`default_nettype none

module extremes_tb;

  parameter CHUNK = 8;
  parameter LANES = 1;
  parameter ACC_WIDTH = 24;
  parameter NA = 1;
  parameter NB = 1;
  parameter K = 1;
  parameter [63:0] A = 0;
  parameter [63:0] B = 0;

  reg clk = 1'b0;
  reg [2:0] ctl = 3'b000;  // clear, shift, add
  reg cap = 1'b0, cap_last = 1'b0;
  reg sign_a = 1'b0, sign_b = 1'b0;
  reg [LANES*CHUNK-1:0] a = 0, b = 0;
  wire signed [ACC_WIDTH-1:0] chain;
  reg signed [ACC_WIDTH-1:0] least = 0, most = 0;
  reg signed [127:0] total = 0;
  integer s, i, k, lane;
  reg first;

  flexmac_pe #(.CHUNK(CHUNK), .LANES(LANES), .ACC_WIDTH(ACC_WIDTH), .REGISTERS(4'b0000)) u_pe (
      .clk_i(clk), .pipe_en_i(4'b0000), .acc_en_i(ctl[0]), .acc_clear_i(ctl[2]),
      .acc_shift_i(ctl[1]), .cap_i(cap), .cap_last_i(cap_last), .drain_i(1'b0),
      .a_i({sign_a, a}), .b_i({sign_b, b}), .chain_i({ACC_WIDTH{1'b0}}), .chain_o(chain)
  );

  task tick;
    begin
      #1 clk = 1'b1;
      #1 clk = 1'b0;
      if (u_pe.acc_q < least) least = u_pe.acc_q;
      if (u_pe.acc_q > most) most = u_pe.acc_q;
    end
  endtask

  initial begin
    for (s = 0; s < NA + NB - 1; s = s + 1) begin
      first = 1'b1;
      for (i = 0; i < NA; i = i + 1) begin
        if (s - i >= 0 && s - i < NB) begin
          sign_a = i == NA - 1;
          sign_b = s - i == NB - 1;
          for (k = 0; k < K; k = k + LANES) begin
            for (lane = 0; lane < LANES; lane = lane + 1) begin
              a[lane*CHUNK +: CHUNK] = k + lane < K ? A >> (i * CHUNK) : 0;
              b[lane*CHUNK +: CHUNK] = k + lane < K ? B >> ((s - i) * CHUNK) : 0;
            end
            ctl = {first && s == 0, first && s != 0, 1'b1};
            tick;
            first = 1'b0;
          end
        end
      end
      ctl = 3'b000;
      cap = 1'b1;
      cap_last = s == NA + NB - 2;
      tick;
      cap = 1'b0;
      total = total + ($signed({{128{cap_last && chain[ACC_WIDTH-1]}}, chain}) <<< (s * CHUNK));
    end
    $display("%0d %0d %0d", total, least, most);
  end

endmodule

`default_nettype wire
